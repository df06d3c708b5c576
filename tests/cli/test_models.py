"""`jepa models`, and what other commands do with models that are not on this machine."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from huggingface_hub import constants

from tests.cli.conftest import Jepa
from tests.jepa_retrieval.models.hub_server import Hub, HubRepository, running_hub
from tests.real_media import photograph

pytestmark = pytest.mark.long

NAME = "open_clip:ViT-B-32-256/datacomp_s34b_b86k"
REPOSITORY = "laion/CLIP-ViT-B-32-256x256-DataComp-s34B-b86K"


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Hub]:
    """A hub with the weights of one open_clip tag, which are none, and an empty cache of the hub's files."""
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    with running_hub() as server:
        monkeypatch.setattr(constants, "ENDPOINT", server.url)
        template = server.url + "/{repo_id}/resolve/{revision}/{filename}"
        monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template)
        server.repositories[REPOSITORY] = HubRepository({"open_clip_model.safetensors": b"w" * 2_000_000})
        yield server


def test_the_list_has_a_choice_of_open_clip_models_with_published_scores(jepa: Jepa) -> None:
    lines = [line.split("\t") for line in jepa("models", "list").out.splitlines()]
    assert lines[0][0] == "nano" and lines[0][1] == "ready"
    chosen = {line[0]: line[1:] for line in lines}[NAME]
    assert chosen[0] in ("ready", f"jepa models fetch {NAME}")
    assert "512 dimensions, 256 px; ImageNet 72.8, COCO text to image R@1 39.9" in chosen[1]
    listed = {model["name"]: model for model in json.loads(jepa("models", "list", "--json").out)}
    assert (listed[NAME]["imagenet"], listed[NAME]["embedding_size"]) == (72.81, 512)
    assert listed["nano"]["imagenet"] is None and listed["vljepa"]["state"] == "to be trained: jepa train"


def test_import_of_a_file_that_is_no_checkpoint(jepa: Jepa, tmp_path: Path) -> None:
    (tmp_path / "notes.pt").write_text("hello")
    done = jepa("models", "import", tmp_path / "notes.pt")
    assert (done.status, done.out) == (2, "")
    assert done.err == f"Error: {tmp_path / 'notes.pt'}: is not a PyTorch checkpoint\n"
    assert [path.name for path in tmp_path.iterdir()] == ["notes.pt"]


def test_fetch_shows_what_is_downloaded_and_asks(
    jepa: Jepa, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    refused = jepa("models", "fetch", NAME)
    assert refused.status == 2 and "give --yes" in refused.err
    assert f"{REPOSITORY}/open_clip_model.safetensors, 2.0 MB (mit)" in refused.err
    assert hub.downloads == []
    done = jepa("models", "fetch", NAME, "--yes")
    assert (done.status, done.out) == (0, f"{NAME}: ready\n")
    assert hub.downloads == ["open_clip_model.safetensors"]
    again = jepa("models", "fetch", NAME)
    assert (again.status, again.out) == (0, f"{NAME}: everything is on this machine already\n")


@pytest.mark.parametrize(("answer", "downloads"), [("y\n", 1), ("\n", 0), ("n\n", 0), ("", 0)])
def test_the_question_is_answered_by_a_person(
    jepa: Jepa, hub: Hub, monkeypatch: pytest.MonkeyPatch, answer: str, downloads: int
) -> None:
    class Terminal:
        def isatty(self) -> bool:
            return True

        def readline(self) -> str:
            return answer

    monkeypatch.setattr("sys.stdin", Terminal())
    done = jepa("models", "fetch", NAME)
    assert "Download 2.0 MB? [y/N]" in done.err
    assert done.status == (0 if downloads else 2) and len(hub.downloads) == downloads


def test_a_restricted_repository_says_how_to_get_in(jepa: Jepa, hub: Hub) -> None:
    hub.repositories[REPOSITORY].gated = True
    done = jepa("models", "fetch", NAME, "--yes")
    assert done.status == 2
    assert "restricted access" in done.err and "hf auth login" in done.err and hub.url in done.err


def test_only_a_model_that_the_user_typed_is_downloaded(jepa: Jepa, hub: Hub, tmp_path: Path) -> None:
    """The download works; that the weights are none is told by what reads them."""
    media = tmp_path / "media"
    media.mkdir()
    shutil.copy(photograph("chelsea.png"), media)
    assert jepa("index", media).status == 0 and hub.requests == []
    typed = jepa("index", media, "--index", tmp_path / "other", "--model", NAME)
    assert f"To download: {REPOSITORY}" in typed.err and hub.downloads == ["open_clip_model.safetensors"]
    assert "not a checkpoint of open_clip" in typed.err


@pytest.mark.parametrize(
    "command", [["search", "a cat"], ["index"], ["classify", "--labels", "cat,dog"], ["verify"]]
)
def test_an_index_that_names_a_model_downloads_nothing(
    jepa: Jepa, hub: Hub, tmp_path: Path, library: Path, command: list[str]
) -> None:
    """As one from a stranger may: the error says which command the user may run."""
    index = tmp_path / "index"
    shutil.copytree(library / ".jepa", index)
    manifest = json.loads((index / "manifest.json").read_text())
    from jepa_retrieval.models import load_model

    model = load_model(NAME)
    manifest |= {"model": NAME, "fingerprint": model.fingerprint(manifest["prompt"])}
    (index / "manifest.json").write_text(json.dumps(manifest))
    paths = [str(library / "photos")] if command[0] in ("index", "classify") else []
    done = jepa(command[0], *paths, *command[1:], "--index", index)
    assert done.status != 0
    assert hub.requests == []
    if command[0] == "search":
        assert f"jepa models fetch {NAME}" in done.err
