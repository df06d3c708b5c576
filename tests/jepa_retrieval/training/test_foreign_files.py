"""Every reader of a file from elsewhere: it reads it, or raises one clear error that names the file."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.training import checkpoint
from jepa_retrieval.training.config import SourceConfig, SourceFormat, load_config
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.y_decoder import load_recipe
from tests.jepa_retrieval.training.conftest import Recipe

LIST_FORMATS: tuple[SourceFormat, ...] = ("captions", "jsonl", "vqa", "daquar", "caption-questions")
GOOD: dict[str, bytes] = {
    "captions": b"a.png#0\ta red ball is on the grass\na.png#1\tthe ball\n",
    "jsonl": b'{"image": "a.png", "captions": ["a ball"], "start": 0, "end": 1.5}\n',
    "vqa": b'{"image": "a.png", "question": "what is it", "answer": "ball"}\n',
    "daquar": b"question,answer,image_id\nwhat,ball,a\n",
    "caption-questions": b"a.png,a red ball is on the grass\n",
    "webdataset": b"",
}
JSON_KEYS = ("image", "media", "captions", "query", "start", "end", "question", "answer")

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=6) | st.just(10**400),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=6,
)
# Tests share one folder: hypothesis overwrites the file for every example.
shared_folder = settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "a.png").write_bytes(b"not looked into")
    return tmp_path


def accepts_or_names(read: Callable[[], object], path: Path) -> None:
    try:
        read()
    except JepaError as error:
        text = str(error)
        assert str(path) in text or "source" in text or path.name in text
        assert len(text) < 2000


def source(path: Path, kind: SourceFormat, **options: Any) -> SourceConfig:
    return SourceConfig(name="s", format=kind, path=str(path), media=str(path.parent), **options)


@pytest.mark.parametrize("kind", [*LIST_FORMATS, "webdataset"])
@given(content=st.binary(max_size=200), place=st.floats(0, 1), keep=st.booleans())
@shared_folder
def test_sources_of_any_bytes(
    folder: Path, kind: SourceFormat, content: bytes, place: float, keep: bool
) -> None:
    good = GOOD[kind]
    cut = int(place * len(good))
    path = folder / "list.jsonl" if kind == "jsonl" else folder / "list.txt"
    path.write_bytes(good[:cut] + content + (good[cut:] if keep else b""))
    accepts_or_names(lambda: read_source(source(path, kind)), path)


@pytest.mark.parametrize("kind", ["jsonl", "vqa"])
@given(
    row=st.dictionaries(
        st.sampled_from(["image", "media", "captions", "query", "start", "end", "question", "answer"]), values
    )
)
@shared_folder
def test_json_lines_with_any_values(folder: Path, kind: SourceFormat, row: dict[str, Any]) -> None:
    path = folder / "rows.jsonl"
    path.write_text(json.dumps({"image": "a.png", **row}) + "\n")
    accepts_or_names(lambda: read_source(source(path, kind)), path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"image": "a.png", "captions": "x", "start": "early"}', "start must be seconds"),
        ('{"image": "a.png", "captions": "x", "start": NaN}', "start must be seconds"),
        ('{"image": "a.png", "captions": "x", "start": 3, "end": 2}', "must be later than start"),
        ('{"image": ["a"], "captions": "x"}', "needs one of"),
        ("[1]", "must be an object"),
        ("{", "not valid JSON"),
    ],
)
def test_a_bad_line_is_named_by_its_number(folder: Path, line: str, message: str) -> None:
    path = folder / "rows.jsonl"
    path.write_text(f"\n{line}\n")
    with pytest.raises(UsageError, match=rf"rows\.jsonl:2: .*{message}"):
        read_source(source(path, "jsonl"))


def test_names_that_no_file_can_have_are_not_found(folder: Path) -> None:
    path = folder / "list.txt"
    path.write_text(f"a.png#0\tone\n{'x' * 5000}.png#0\ttwo\n")
    assert [example.targets for example in read_source(source(path, "captions")).examples] == [("one",)]


@pytest.mark.parametrize("file", ["names", "sidecar"])
def test_side_files_that_are_no_text_are_named(folder: Path, file: str) -> None:
    (folder / "a.txt").write_bytes(b"\xff" if file == "sidecar" else b"a ball")
    (folder / "names").write_bytes(b"\xff" if file == "names" else b"a\n")
    with pytest.raises(UsageError, match="not a text file in UTF-8"):
        read_source(SourceConfig(name="s", format="captions", path=str(folder), names=str(folder / "names")))


@given(content=st.binary(max_size=200))
@shared_folder
def test_ready_made_tokens_of_any_bytes(folder: Path, content: bytes) -> None:
    (folder / "tokens.npy").write_bytes(content)
    (folder / "examples.jsonl").write_text("{}")
    accepts_or_names(lambda: read_source(SourceConfig(name="s", format="tokens", path=str(folder))), folder)


def test_what_is_no_array_is_told_plainly(folder: Path) -> None:
    for content in (b"hello", b"", b"PK\x03\x04", b"\x80\x04."):  # NumPy says of some: it holds pickled data
        (folder / "tokens.npy").write_bytes(content)
        with pytest.raises(UsageError, match=r"tokens\.npy: is not a NumPy array, as a \.npy file holds it$"):
            read_source(SourceConfig(name="s", format="tokens", path=str(folder)))
    (folder / "tokens.npy").unlink()
    os.mkfifo(folder / "tokens.npy")
    with pytest.raises(UsageError, match=r"tokens\.npy: is not a file, but a pipe or a device"):
        read_source(SourceConfig(name="s", format="tokens", path=str(folder)))


@pytest.mark.parametrize(
    "array", [np.zeros((2, 1, 1)), np.zeros((2, 1, 1, 4), np.int64), np.zeros((2, 1, 1, 1), "U3")]
)
def test_tokens_of_another_form_are_named(folder: Path, array: np.ndarray) -> None:
    np.save(folder / "tokens.npy", array)
    (folder / "examples.jsonl").write_text('{"visual": 0, "texts": ["a"]}')
    with pytest.raises(UsageError, match=r"tokens\.npy: must be an array"):
        read_source(SourceConfig(name="s", format="tokens", path=str(folder)))


@given(content=st.binary(max_size=300))
@shared_folder
def test_recipes_of_any_bytes(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "recipe.toml"
    path.write_bytes(content)
    for load in (load_config, load_recipe):
        accepts_or_names(lambda load=load: load(path), path)  # type: ignore[misc]


@pytest.mark.parametrize(
    "key", ["phases.0.steps", "optim.learning_rate", "run", "sources.0.format", "loss.kind", "phases"]
)
@given(value=values)
@shared_folder
def test_recipes_with_any_values(recipe: Recipe, key: str, value: Any) -> None:
    path = recipe()
    accepts_or_names(lambda: load_config(path, overrides=[f"{key}={json.dumps(value)}"]), path)


@pytest.mark.parametrize(
    "override", ["phases.9.steps=1", "phases.x=1", "phases.0=1", "sources.²=1", "run.output.a.b=1", "=", "a="]
)
def test_an_override_without_a_place_is_refused(recipe: Recipe, override: str) -> None:
    with pytest.raises(UsageError):
        load_config(recipe(), overrides=[override])


@pytest.mark.parametrize("part", ["weights", "optimizer"])
def test_a_checkpoint_that_is_not_finite_is_not_gone_on_with(tmp_path: Path, part: str) -> None:
    layer = torch.nn.Linear(3, 2)
    optimizer = torch.optim.AdamW(layer.parameters())
    layer(torch.ones(1, 3)).sum().backward()
    optimizer.step()
    schedule = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda _: 1.0)
    weights = dict(layer.named_parameters())
    run = checkpoint.Checkpoint(
        tmp_path, {}, weights=weights, optimizer=optimizer, schedule=schedule, average=None
    )
    run.save(1)
    assert run.resume() is not None
    tensor = layer.weight if part == "weights" else optimizer.state[layer.weight]["exp_avg"]
    with torch.no_grad():
        tensor[0, 0] = float("nan")
    run.save(2)
    with pytest.raises(UsageError, match=rf"checkpoint\.pt: {part}\..* not finite; --restart starts over"):
        run.resume()


@given(content=st.binary(max_size=200))
@shared_folder
def test_checkpoints_of_any_bytes(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "checkpoint.pt").write_bytes(content)
    with pytest.raises(
        UsageError, match=r"checkpoint\.pt: (not a readable checkpoint|written by another version)"
    ):
        checkpoint.load(tmp_path)
