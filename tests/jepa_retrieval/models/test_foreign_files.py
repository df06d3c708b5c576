"""Model files from elsewhere: read, or refused by name, in the memory that the files themselves justify."""

import copy
import json
import random
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors, read_torch_object, weight_files
from jepa_retrieval.models.clip_tokenizer import ClipTokenizer
from jepa_retrieval.models.config import YDecoderConfig, load_config, parse_config
from jepa_retrieval.models.importers.open_vljepa import import_open_vljepa
from jepa_retrieval.models.modules.int8_weights import pack, unpack
from jepa_retrieval.models.modules.y_decoder import YDecoder
from jepa_retrieval.models.registry import CONFIGS
from jepa_retrieval.models.sentences import SentenceTokenizer
from jepa_retrieval.models.storage import initialise_model, read_model, write_model
from jepa_retrieval.models.tokenizer import TextTokenizer
from jepa_retrieval.models.word_support import WordTable
from jepa_retrieval.models.y_decoder_files import (
    CaptionMemory,
    check_y_decoder,
    load_y_decoder,
    read_memory,
    save_y_decoder,
)

pytestmark = pytest.mark.long

TinyConfig = Callable[..., dict[str, Any]]

NAMED = [json.loads(path.read_text()) for path in sorted(CONFIGS.glob("*.json"))]
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=80)
values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)


def places_of(value: object, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The path of every setting of a document, sections included."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(place for key, item in items for place in places_of(item, (*path, key)))]


@given(document=st.sampled_from(NAMED), chance=st.randoms(use_true_random=False), value=values)
@settings(max_examples=300)
def test_configs_with_any_value_in_any_place(document: Any, chance: random.Random, value: Any) -> None:
    changed = copy.deepcopy(document)
    *parents, last = chance.choice([place for place in places_of(document) if place])
    section = changed
    for key in parents:
        section = section[key]
    section[last] = value
    try:
        parse_config(changed)
    except ModelError as error:
        assert len(str(error)) < 1000


@given(content=st.binary(max_size=300))
@shared_folder
def test_configs_of_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "config.json"
    path.write_bytes(content)
    with pytest.raises(ModelError, match=r"config\.json"):
        load_config(path)


@pytest.mark.parametrize(
    ("place", "value", "message"),
    [
        (("predictor", "kind"), [], r"predictor\.kind is \[\]"),
        (("predictor", "layers"), 1e9, r"predictor\.layers must be a whole number"),
        (("predictor", "layers"), 10**9, r"predictor\.layers is 1000000000 \(allowed: 1 to 256\)"),
        (("temperature",), 10**400, "temperature must be a finite number"),
        (("temperature",), 0, r"temperature is 0\.0 \(allowed: "),
        (("x_encoder", "towers"), [], r"x_encoder\.towers is empty"),
        (("y_encoder", "head_hidden"), 0, r'y_encoder\.head = "mlp" needs y_encoder\.head_hidden'),
        (("y_encoder", "pooling"), "tower", "goes with an open_clip tower"),
        (("predictor", "heads"), 7, r"predictor\.width 512 is not a multiple of predictor\.heads 7"),
        (("predictor", "concepts", "width"), 99, r"predictor\.concepts\.width is 99"),
        (("predictor", "concepts", "sources"), [], r"has 0 entries for 2 x_encoder\.towers"),
    ],
)
def test_settings_out_of_range_or_at_odds_are_named(place: tuple[str, ...], value: Any, message: str) -> None:
    config = json.loads((CONFIGS / "nano.json").read_text())
    section = config
    for key in place[:-1]:
        section = section[key]
    section[place[-1]] = value
    with pytest.raises(ModelError, match=message):
        parse_config(config)


def test_a_config_that_no_file_backs_takes_no_memory(tmp_path: Path) -> None:
    """Each setting is in range, all together are 200 TB: in a process that may have 4 GB."""
    config = json.loads((CONFIGS / "vljepa.json").read_text())
    config["predictor"] |= {"layers": 256, "width": 65536, "mlp_width": 65536, "heads": 64, "kv_heads": 64}
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    program = f"""
import resource
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import load_config
from jepa_retrieval.models.storage import initialise_model, read_model
resource.setrlimit(resource.RLIMIT_DATA, (4 << 30, 4 << 30))
folder = {str(tmp_path)!r}
for read in (lambda: read_model(folder), lambda: initialise_model(load_config(folder + "/config.json"))):
    try:
        read()
    except ModelError as error:
        print(error)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=250, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("and this machine has") == 2, done.stdout


def test_weights_that_do_not_fit_are_refused_before_the_model_is_built(
    tiny_config: TinyConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_model(initialise_model(parse_config(tiny_config())), tmp_path)
    document = json.loads((tmp_path / "config.json").read_text())
    document["predictor"]["layers"] = 3
    (tmp_path / "config.json").write_text(json.dumps(document))
    with pytest.raises(ModelError, match=r"has no weights for predictor\.layers\.2\."):
        read_model(tmp_path)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_not_finite_are_refused(
    tiny_config: TinyConfig, tmp_path: Path, value: float
) -> None:
    config = parse_config(tiny_config())
    model = initialise_model(config)
    with torch.no_grad():
        next(model.predictor.parameters()).view(-1)[3] = value
    write_model(model, tmp_path)  # with the digests of these very files
    with pytest.raises(ModelError, match=r"predictor\..* has values that are not finite"):
        read_model(tmp_path)


@pytest.mark.parametrize("what", ["weights", "memory", "name_embeddings"])
def test_a_decoder_that_is_not_finite_is_refused(tiny_config: TinyConfig, tmp_path: Path, what: str) -> None:
    config = replace(parse_config(tiny_config()), digests={"x_encoder": "0"})
    tokenizer = SentenceTokenizer.fit([["a", "red", "dog"]], vocabulary=20)
    section = YDecoderConfig(vocabulary=20, width=16, layers=1, heads=2, mlp_width=16, max_tokens=8, memory=2)
    module = YDecoder(section, embedding_size=config.embedding_size)
    points = np.eye(2, config.embedding_size, dtype=np.float32)
    memory = CaptionMemory(points, _words(), ("a dog", "a cat"), points.copy())

    def saved() -> YDecoderConfig:
        changed = save_y_decoder(module, section, tokenizer, memory=memory, config=config, folder=tmp_path)
        return check_y_decoder(changed, tmp_path)

    load_y_decoder(saved(), tmp_path, embedding_size=config.embedding_size)
    assert read_memory(tmp_path) is not None
    if what == "weights":
        with torch.no_grad():
            next(module.parameters()).view(-1)[0] = float("nan")
    else:
        (memory.points if what == "memory" else memory.name_embeddings)[0, 0] = np.nan
    saved()
    with pytest.raises(ModelError, match=r"y_decoder\.safetensors: .* has values that are not finite"):
        load_y_decoder(section, tmp_path, embedding_size=config.embedding_size)
        read_memory(tmp_path)


def _words() -> WordTable:
    starts, columns, shares = (
        np.array([0, 1, 2], np.int32),
        np.array([0, 1], np.int16),
        np.full(2, 255, np.uint8),
    )
    return WordTable(["dog", "cat"], starts, columns, shares, {"dog": "a dog", "cat": "a cat"})


@pytest.mark.parametrize("part", ["x_encoder", "predictor", "y_encoder"])
def test_a_bare_weights_file_does_not_pass_for_its_architecture(
    tiny_config: TinyConfig, checkpoints: Path, tmp_path: Path, part: str
) -> None:
    """The number of heads shows in no tensor: without the checkpoint's own config nobody could tell."""
    folder = {"x_encoder": "vjepa2", "predictor": "llama", "y_encoder": "gemma"}[part]
    bare = tmp_path / "weights" / "model.safetensors"
    bare.parent.mkdir()
    bare.write_bytes((checkpoints / folder / "model.safetensors").read_bytes())
    change = {"tower": tiny_config()["y_encoder"]["tower"] | {"source": str(bare)}}
    config = tiny_config(**{part: change if part == "y_encoder" else {"source": str(bare)}})
    with pytest.raises(ModelError, match=r"config\.json: is missing; the weights of .* alone do not show"):
        initialise_model(parse_config(config))
    (bare.parent / "config.json").write_bytes((checkpoints / folder / "config.json").read_bytes())
    initialise_model(parse_config(config))
    wrong = tiny_config(**{part: change if part == "y_encoder" else {"source": str(bare)}})
    section = wrong["y_encoder"]["tower"] if part == "y_encoder" else wrong[part]
    section["heads"] = 1 if part == "y_encoder" else 8 if part == "predictor" else 4
    section |= {"head_width": 32} if part == "y_encoder" else {}
    with pytest.raises(ModelError, match=r"config\.json: num_attention_heads is"):
        initialise_model(parse_config(wrong))


@given(content=st.binary(max_size=300), place=st.floats(0, 1), keep=st.booleans())
@shared_folder
def test_weights_of_any_bytes(tmp_path: Path, content: bytes, place: float, keep: bool) -> None:
    for name, save in (("model.safetensors", save_file), ("pytorch_model.bin", torch.save)):
        path = tmp_path / name
        save({"a": torch.ones(2, 3)}, path)
        good = path.read_bytes()
        cut = int(place * len(good))
        path.write_bytes(good[:cut] + content + (good[cut:] if keep else b""))
        try:
            read_tensors(path)
        except ModelError as error:
            assert name in str(error) and len(str(error)) < 1000


@pytest.mark.parametrize(
    ("index", "message"),
    [
        ({"weight_map": {"a": "../model.safetensors"}}, "is not the name of a file in its folder"),
        ({"weight_map": {"a": "/etc/passwd"}}, "is not the name of a file in its folder"),
        ({"weight_map": {"a": "sub\\\\x.safetensors"}}, "is not the name of a file in its folder"),
        ({"weight_map": {"a": 3}}, "no table weight_map"),
        ({"weight_map": []}, "no table weight_map"),
        ([], "no table weight_map"),
    ],
)
def test_an_index_names_files_of_its_own_folder_alone(tmp_path: Path, index: Any, message: str) -> None:
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=message):
        weight_files(tmp_path)


def test_a_small_file_cannot_stand_for_large_tensors(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    torch.save({"a": torch.zeros(1).expand(10**6, 10**6)}, path)
    with pytest.raises(ModelError, match=r"a\.pt: its tensors have .* bytes, the file .*: not a checkpoint"):
        read_torch_object(path)
    torch.save({"a": torch.zeros(10)}, path)
    with (
        zipfile.ZipFile(path) as plain,
        zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for member in plain.infolist():
            packed.writestr(member.filename, plain.read(member))
    with pytest.raises(ModelError, match=r"b\.pt: .*members are compressed"):
        read_torch_object(tmp_path / "b.pt")
    index = torch.tensor([[0]])
    sparse = torch.sparse_coo_tensor(index, torch.ones(1), (10**12,), check_invariants=True)
    torch.save({"a": sparse}, path)
    with pytest.raises(ModelError, match="layout"):
        read_torch_object(path)
    shared = torch.zeros(100)
    torch.save({"a": shared, "b": shared}, path)  # tied weights are fine
    read_torch_object(path)


def test_scales_must_fit_their_matrix() -> None:
    packed = pack({"a": torch.randn(512, 256)})
    assert unpack(packed)["a"].shape == (512, 256)
    for scale in (torch.ones(1), torch.ones(512, 2), torch.ones(513)):
        with pytest.raises(ModelError, match="does not fit its scales"):
            unpack(packed | {"a.row_scale": scale})


@given(settings_=st.dictionaries(st.sampled_from(["data", "encoder", "predictor", "other"]), values))
@shared_folder
def test_checkpoints_to_import_with_any_settings(tmp_path: Path, settings_: dict[str, Any]) -> None:
    path = tmp_path / "best.pt"
    torch.save({"model_state_dict": {"predictor.norm.weight": torch.ones(3)}, "config": settings_}, path)
    with pytest.raises(ModelError, match=r"best\.pt"):
        import_open_vljepa(path, tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("config", "state", "message"),
    [
        ({"data": {"num_frames": 10**12}}, {}, "frames_per_window is 1000000000000"),
        ({"predictor": {"n_keep_layers": 10**9}}, {}, r"predictor\.layers is 1000000000"),
        ({"data": {"num_frames": "x"}, "predictor": "abc"}, {}, "config: data.num_frames must be a whole"),
        ({"data": {"num_frames": 7}}, {}, "x_encoder.frames 7 is not a multiple"),
        ({}, {3: torch.ones(1)}, "which is not a tensor with a name"),
        ({}, {"predictor.norm.weight": "text"}, "which is not a tensor with a name"),
    ],
)
def test_absurd_checkpoints_are_named(
    tmp_path: Path, config: Any, state: dict[Any, Any], message: str
) -> None:
    path = tmp_path / "best.pt"
    torch.save({"model_state_dict": state, "config": config}, path)
    with pytest.raises(ModelError, match=message) as caught:
        import_open_vljepa(path, tmp_path / "out")
    assert str(path) in str(caught.value)


@given(content=st.binary(max_size=200), place=st.floats(0, 1), keep=st.booleans())
@shared_folder
def test_tokenizers_of_any_bytes(
    tokenizer_file: Path, tmp_path: Path, content: bytes, place: float, keep: bool
) -> None:
    good = tokenizer_file.read_bytes()
    cut = int(place * len(good))
    path = tmp_path / "tokenizer.json"
    path.write_bytes(good[:cut] + content + (good[cut:] if keep else b""))
    for read in (
        lambda: TextTokenizer(path, max_tokens=8),
        lambda: SentenceTokenizer.read(path),
        lambda: ClipTokenizer(path, length=8),
    ):
        try:
            read()
        except ModelError as error:
            assert "tokenizer.json" in str(error)
