"""Downloads: only what was asked for by name, no file too many, and errors that say what to do."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import constants

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models import fetching, load_model, registry
from jepa_retrieval.models.config import load_config, parse_config
from jepa_retrieval.models.fetching import FetchPlan, FetchProgress, fetch, plan_fetch
from jepa_retrieval.models.hub import Repository
from jepa_retrieval.models.hub_needs import Need, is_here
from jepa_retrieval.models.registry import fetch_model
from jepa_retrieval.models.storage import initialise_model, write_model
from tests.jepa_retrieval.models.hub_server import COMMIT, NEWER, Hub, HubRepository, running_hub

TinyConfig = Callable[..., dict[str, Any]]

WEIGHTS = bytes(range(256)) * 2000  # 512 kB
NEED = Need(
    Repository("org/model"),
    "predictor",
    files=("config.json",),
    any_of=("model.safetensors.index.json", "model.safetensors"),
)


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with one repository, and empty caches."""
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.setattr(constants, "HF_TOKEN_PATH", str(tmp_path / "token"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        monkeypatch.setattr(
            constants, "HUGGINGFACE_CO_URL_TEMPLATE", server.url + "/{repo_id}/resolve/{revision}/{filename}"
        )
        files = {
            "config.json": b"{}",
            "model.safetensors": WEIGHTS,
            "README.md": b"long",
            "pytorch_model.bin": WEIGHTS,
        }
        server.repositories["org/model"] = HubRepository(files)
        yield server


def run(need: Need, **options: Any) -> FetchPlan:
    plan = plan_fetch("the model", [need], **options)
    fetch(plan)
    return plan


def test_only_the_files_that_are_needed_are_downloaded(hub: Hub) -> None:
    plan = plan_fetch("the model", [NEED])
    (repository,) = plan.repositories
    assert [(file.name, file.size, file.is_here) for file in repository.files] == [
        ("config.json", 2, False),
        ("model.safetensors", len(WEIGHTS), False),
    ]
    assert (repository.licence, repository.is_gated, plan.missing_bytes) == ("mit", False, len(WEIGHTS) + 2)
    assert not is_here(NEED) and hub.downloads == []
    seen: list[FetchProgress] = []
    fetch(
        plan,
        on_progress=lambda progress: seen.append(FetchProgress(progress.file, progress.done, progress.total)),
    )
    assert hub.downloads == ["config.json", "model.safetensors"]
    assert is_here(NEED) and NEED.repository.require("model.safetensors").read_bytes() == WEIGHTS
    assert seen[-1] == FetchProgress("org/model/model.safetensors", len(WEIGHTS), len(WEIGHTS))
    assert plan_fetch("the model", [NEED]).is_complete


def test_shards_are_those_of_the_index(hub: Hub) -> None:
    index = json.dumps(
        {"weight_map": {"a": "model-00001-of-00002.safetensors", "b": "model-00002-of-00002.safetensors"}}
    )
    shards = {f"model-{number:05d}-of-00002.safetensors": bytes([number]) for number in (1, 2)}
    hub.repositories["org/model"].files |= {"model.safetensors.index.json": index.encode(), **shards}
    run(NEED)
    assert hub.downloads == ["config.json", "model.safetensors.index.json", *shards]
    assert is_here(NEED)


def test_a_broken_connection_is_resumed_and_so_is_a_stopped_program(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", 10_000)
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.cut_after, hub.cuts = 100_000, 100
    plan = plan_fetch("the model", [NEED])

    def stop(progress: FetchProgress) -> None:
        if progress.done >= 250_000:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch(plan, on_progress=stop)
    assert not is_here(NEED)
    before = len(hub.requests)
    fetch(plan)
    ranges = [
        int(text.removeprefix("bytes=").rstrip("-")) for method, _, text in hub.requests[before:] if text
    ]
    assert ranges and min(ranges) >= 200_000, "the second run starts where the first one stopped"
    assert NEED.repository.require("model.safetensors").read_bytes() == WEIGHTS


def test_bytes_that_were_changed_on_the_way_are_not_used(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    plan = plan_fetch("the model", [NEED])
    hub.damaged = True
    with pytest.raises(
        ModelError, match=r"model\.safetensors: was damaged on the way|config\.json: was damaged"
    ):
        fetch(plan)
    assert not is_here(NEED)
    hub.damaged = False
    fetch(plan)
    assert NEED.repository.require("model.safetensors").read_bytes() == WEIGHTS


def test_a_hub_that_breaks_off_for_good_is_named(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda seconds: None)
    hub.cut_after, hub.cuts = 0, 10**6
    with pytest.raises(
        ModelError, match=r"hub:org/model: cannot be fetched from http.*next call continues there"
    ):
        run(NEED)


def test_the_commit_is_recorded_and_kept_until_an_update_is_asked_for(hub: Hub) -> None:
    run(NEED)
    repository = hub.repositories["org/model"]
    repository.commit = NEWER
    repository.files = {"config.json": b"{}", "model.safetensors": b"newer"}
    assert NEED.repository.local_commit() == COMMIT
    assert is_here(NEED)
    run(NEED, update=True)
    assert NEED.repository.local_commit() == NEWER
    assert NEED.repository.require("model.safetensors").read_bytes() == b"newer"


def test_a_revision_may_be_named(hub: Hub) -> None:
    need = Need(Repository.parse(f"hub:org/model@{COMMIT}"), "x", files=("config.json",))
    run(need)
    assert is_here(need) and str(need.repository) == f"hub:org/model@{COMMIT}"
    with pytest.raises(ModelError, match=r"hub:org/model@v9: has no such revision"):
        run(Need(Repository("org/model", "v9"), "x", files=("config.json",)))


@pytest.mark.parametrize(
    "text", ["hub:../x", "hub:a/b/c", "hub:/etc", "hub:a/b@", "hub:a/b@../c", "hub:", "hub:a/.."]
)
def test_names_that_no_repository_can_have_are_refused(text: str) -> None:
    with pytest.raises(ModelError, match="not of the form"):
        Repository.parse(text)


def test_restricted_access_says_where_to_accept_the_terms_and_how_to_log_in(
    hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.repositories["org/model"].gated = True
    assert plan_fetch("the model", [NEED]).repositories[0].is_gated
    with pytest.raises(
        ModelError,
        match=rf"access is restricted. Accept its terms on {hub.url}/org/model.*hf auth login.*HF_TOKEN",
    ):
        run(NEED)
    monkeypatch.setenv("HF_TOKEN", hub.token)
    run(NEED)
    assert is_here(NEED)


@pytest.mark.parametrize(
    ("need", "message"),
    [
        (Need(Repository("org/none"), "x", files=("a",)), "no such repository on http.*or it is private"),
        (
            Need(Repository("org/model"), "the tower", files=("a.json",)),
            "has no file a.json, which the tower needs",
        ),
        (Need(Repository("org/model"), "x", any_of=("a", "b")), "has none of a, b, one of which x needs"),
    ],
)
def test_what_is_not_there_is_named(hub: Hub, need: Need, message: str) -> None:
    with pytest.raises(ModelError, match=message):
        run(need)


def test_a_full_disk_is_told_before_and_while_it_fills(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plan = plan_fetch("the model", [NEED])
    usage = shutil.disk_usage(tmp_path)
    with (
        monkeypatch.context() as patch,
        pytest.raises(ModelError, match=r"0\.0 GB are to be downloaded, and 0\.0 GB are free"),
    ):
        patch.setattr(shutil, "disk_usage", lambda folder: usage._replace(free=1000))
        fetch(plan)
    assert hub.downloads == []
    program = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))  # writing more fails, as on a full disk
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.fetching import fetch, plan_fetch
from jepa_retrieval.models.hub import Repository
from jepa_retrieval.models.hub_needs import Need
try:
    fetch(plan_fetch("m", [Need(Repository("org/model"), "x", files=("model.safetensors",))]))
except ModelError as error:
    print(error)
"""
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_HUB_CACHE": str(tmp_path / "hub")}
    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "cannot be written to" in done.stdout and "the next call continues" in done.stdout, done.stderr[
        -2000:
    ]
    fetch(plan)  # with room again
    assert NEED.repository.require("model.safetensors").read_bytes() == WEIGHTS


def test_nothing_is_downloaded_but_by_fetch(
    hub: Hub, tiny_config: TinyConfig, checkpoints: Path, tmp_path: Path
) -> None:
    """A folder's config names the hub: its model says which command to run, and asks for nothing."""
    config = parse_config(tiny_config())
    write_model(initialise_model(config), tmp_path / "model")
    document = json.loads((tmp_path / "model" / "config.json").read_text())
    document["x_encoder"]["source"] = "hub:org/vjepa2"
    document["predictor"]["query_tokens"]["source"] = "hub:org/llama"
    document["y_encoder"]["tower"]["tokenizer"] = "hub:org/gemma"
    for digest in ("x_encoder", "predictor.query_tokens", "y_encoder.tower.tokenizer"):
        document["digests"].pop(digest)
    (tmp_path / "model" / "config.json").write_text(json.dumps(document))
    for name in ("vjepa2", "llama", "gemma"):
        files = {path.name: path.read_bytes() for path in (checkpoints / name).iterdir()}
        hub.repositories[f"org/{name}"] = HubRepository({**files, "extra.bin": b"not needed"})
    name = f"local:{tmp_path / 'model'}"
    for use in (
        lambda: load_model(name, device="cpu").y_encoder.encode(["a dog"]),
        lambda: load_model(name, device="cpu").x_encoder,
    ):
        with pytest.raises(
            ModelError, match=r"not on this machine; to download what .* jepa models fetch local:"
        ):
            use()
    assert hub.requests == []
    plans: list[FetchPlan] = []
    assert fetch_model(name, on_plan=plans.append)
    assert sorted(hub.downloads) == sorted(
        ["config.json", "model.safetensors", "config.json", "model.safetensors", "tokenizer.json"]
    )
    assert len(load_model(name, device="cpu").y_encoder.encode(["a dog"])) == 1
    assert load_model(name, device="cpu").x_encoder is not None
    before = len(hub.requests)
    assert not fetch_model(name, on_plan=plans.append)
    assert len(plans) == 1 and len(hub.requests) == before, "what is here is not asked for again"


def test_a_plan_that_is_declined_downloads_nothing(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry, "model_needs", lambda name: [NEED])

    def decline(plan: FetchPlan) -> None:
        raise ModelError("no")

    with pytest.raises(ModelError, match="no"):
        fetch_model("m", on_plan=decline)
    assert hub.downloads == []


def test_a_name_of_open_clip_that_would_ask_the_hub_is_unknown(hub: Hub) -> None:
    for name in ("open_clip:hf-hub:org/model/tag", "open_clip:hf-hub:org", "open_clip:local-dir:/x/tag"):
        with pytest.raises(ModelError, match=r"open_clip has no architecture|not of the form"):
            load_model(name)
    assert hub.requests == []


def test_a_tag_of_open_clip_is_fetched_as_one_file(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    name = "open_clip:ViT-B-32-256/datacomp_s34b_b86k"
    repository = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"
    hub.repositories[repository] = HubRepository(
        {"open_clip_model.safetensors": b"w", "open_clip_pytorch_model.bin": b"w", "vocab.json": b"{}"},
        licence="mit",
    )
    with pytest.raises(ModelError, match=rf"its weights are not on this machine; .*jepa models fetch {name}"):
        _ = load_model(name, device="cpu").x_encoder
    assert hub.requests == []
    assert fetch_model(name)
    assert hub.downloads == ["open_clip_model.safetensors"]
    assert [model.state for model in registry.list_models() if model.name == name] == ["ready"]


def test_a_tokenizer_of_another_repository_is_fetched_with_the_tag(hub: Hub, tokenizer_file: Path) -> None:
    from jepa_retrieval.models.open_clip import OpenClipTokenizer

    hub.repositories["timm/ViT-B-16-SigLIP"] = HubRepository(
        {
            "open_clip_model.safetensors": b"w",
            "tokenizer.json": tokenizer_file.read_bytes(),
            "tokenizer_config.json": b'{"tokenizer_class": "PreTrainedTokenizerFast", "pad_token": "[BOS]"}',
            "config.json": b"{}",
            "README.md": b"",
        }
    )
    with pytest.raises(
        ModelError, match=r"hub:timm/ViT-B-16-SigLIP: tokenizer_config\.json is not on this machine"
    ):
        OpenClipTokenizer("ViT-B-16-SigLIP")
    assert hub.requests == []
    assert fetch_model("open_clip:ViT-B-16-SigLIP/webli")
    assert sorted(hub.downloads) == [
        "config.json",
        "open_clip_model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
    ]
    ids, _ = OpenClipTokenizer("ViT-B-16-SigLIP")(["a dog"])
    assert ids.shape == (1, 64)


def test_every_tag_of_open_clip_is_on_the_hub() -> None:
    import open_clip

    from jepa_retrieval.models.open_clip import tag_files

    for architecture, tag in open_clip.list_pretrained():
        repository, files = tag_files(architecture, tag)
        assert repository.name and files


def test_the_recommended_models_are_as_open_clip_says() -> None:
    import open_clip

    from jepa_retrieval.models.open_clip import open_clip_config, tag_files
    from jepa_retrieval.models.recommended import RECOMMENDED

    page = (Path(__file__).parents[3] / "docs" / "model.md").read_text(encoding="utf-8")
    for choice in RECOMMENDED:
        row = (choice.name, f"{choice.parameters:.0f}M", choice.embedding_size, choice.image_size)
        figures = f"{choice.imagenet:.1f} | {choice.coco:.1f}"
        assert f"| `{row[0]}` | {row[1]} | {row[2]} | {row[3]} | {figures} |" in page
        config = open_clip_config(choice.name)
        assert (config.embedding_size, config.x_encoder.image_size) == (
            choice.embedding_size,
            choice.image_size,
        )
        assert tag_files(choice.architecture, choice.tag)[0].name == choice.repository
        settings = open_clip.get_model_config(choice.architecture)["text_cfg"]
        assert choice.plain_tokenizer == ("hf_tokenizer_name" not in settings)


def test_a_named_checkpoint_is_fetched_and_made_a_model(
    hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of open-vljepa, whose import has its own tests: here it is a stand-in that says what it was given."""
    from jepa_retrieval.models.importers import open_vljepa

    given: list[bytes] = []

    def import_checkpoint(path: Path, folder: Path) -> None:
        given.append(path.read_bytes())
        folder.mkdir()
        shutil.copy(registry.CONFIGS / "open-vljepa.json", folder / "config.json")

    monkeypatch.setattr(open_vljepa, "import_open_vljepa", import_checkpoint)
    weights = {"config.json": b"{}", "model.safetensors": b"w", "tokenizer.json": b"{}"}
    hub.repositories["cun-bjy/open-vljepa"] = HubRepository({"best.pt": b"checkpoint"})
    for name in ("facebook/vjepa2-vitl-fpc64-256", "meta-llama/Llama-3.2-1B", "google/embeddinggemma-300m"):
        hub.repositories[name] = HubRepository(weights)
    with pytest.raises(ModelError, match="to download them: jepa models fetch open-vljepa"):
        load_model("open-vljepa")
    assert hub.requests == []
    assert fetch_model("open-vljepa")
    assert given == [b"checkpoint"]
    assert sorted(hub.downloads) == [
        "best.pt",
        "config.json",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer.json",
    ]
    assert load_model("open-vljepa", device="cpu").config.name == "open-vljepa"
    assert not fetch_model("open-vljepa")


def test_a_training_says_what_to_fetch(hub: Hub, tmp_path: Path) -> None:
    from jepa_retrieval.training.config import ModelConfig
    from jepa_retrieval.training.stages import build_model

    with pytest.raises(ModelError, match="to download what vljepa needs: jepa models fetch vljepa"):
        build_model(ModelConfig("vljepa", weights="fresh"))
    assert hub.requests == []
    config = load_config(registry.CONFIGS / "vljepa.json")
    assert {need.repository.name for need in registry.model_needs("vljepa")} == {
        "facebook/vjepa2-vitl-fpc64-256",
        "meta-llama/Llama-3.2-1B",
        "google/embeddinggemma-300m",
    }
    path = tmp_path / "mine.json"
    shutil.copy(registry.CONFIGS / "vljepa.json", path)
    assert len(registry.model_needs(str(path))) == len(registry.model_needs("vljepa"))
    assert config.name == "vljepa"


def test_without_a_hub_the_error_says_so(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(constants, "ENDPOINT", "http://127.0.0.1:9")
    with pytest.raises(ModelError, match=r"hub:org/model: cannot be fetched from http://127\.0\.0\.1:9 \("):
        plan_fetch("the model", [NEED])
    assert fetching.TIMEOUT <= 60
