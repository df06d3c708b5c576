"""Shards are files, not commands; what a stranger's tar holds costs that sample, or is named."""

import io
import json
import logging
import os
import subprocess
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import fsspec
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training.config import SourceConfig, TrainConfig, load_config
from jepa_retrieval.training.data.examples import Source
from jepa_retrieval.training.data.shards import MAX_SHARDS, read_member
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.data.tar_headers import QuickInfo
from jepa_retrieval.training.data.visuals import load_frames
from tests.jepa_retrieval.training.conftest import Recipe

REPOSITORY = Path(__file__).resolve().parents[3]


def picture() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8), (9, 9, 9)).save(buffer, "PNG")
    return buffer.getvalue()


def shard(path: Path, files: Mapping[str, bytes]) -> Path:
    with tarfile.open(path, "w") as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def read(path: Path | str) -> Source:
    return read_source(SourceConfig(name="s", format="webdataset", path=str(path)))


def with_path(recipe: Recipe, path: str, **options: Any) -> TrainConfig:
    source = f'[[sources]]\nname = "s"\nformat = "webdataset"\npath = "{path}"'
    return load_config(recipe(sources=source), **options)


@pytest.mark.parametrize(
    "path", ["one.tar::pipe:touch PWNED", "pipe:touch PWNED", "pipe:touch PWNED::one.tar"]
)
def test_a_recipe_runs_no_command(recipe: Recipe, tmp_path: Path, path: str) -> None:
    shard(tmp_path / "one.tar", {"a.png": picture(), "a.txt": b"a thing"})
    source = f'[[sources]]\nname = "s"\nformat = "webdataset"\npath = "{path}"'
    file = recipe(sources=source)
    command = [sys.executable, "-m", "cli.main", "train", "pretrain", str(file)]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2
    assert "commands and chained protocols are not run" in done.stderr
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize("scheme", ["https", "s3", "gs"])
def test_a_recipe_reads_elsewhere_only_if_the_user_says_so(recipe: Recipe, scheme: str) -> None:
    path = f"{scheme}://bucket/{{0..1}}.tar"
    with pytest.raises(UsageError, match=f"--allow-remote {scheme}"):
        with_path(recipe, path)
    with pytest.raises(UsageError, match=f"--allow-remote {scheme}"):
        with_path(recipe, path, allow_remote=["hf"])
    assert with_path(recipe, path, allow_remote=[scheme]).sources[0].path == path


@pytest.mark.parametrize(
    "path", ["file:///etc/x.tar", "ssh://host/x.tar", "github://a:b@c/x.tar", "PIPE://x"]
)
def test_other_protocols_are_never_opened(recipe: Recipe, path: str) -> None:
    with pytest.raises(UsageError, match="is not supported"):
        with_path(recipe, path, allow_remote=["https"])
    with pytest.raises(UsageError, match="allow_remote: 'ssh' is not one of"):
        with_path(recipe, path, allow_remote=["ssh"])


def test_allowed_shards_elsewhere_are_read_like_local_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Bucket(MemoryFileSystem):
        protocol = "s3"
        store: dict[str, Any] = {}  # noqa: RUF012 - as in its parent

    monkeypatch.setitem(sys.modules["fsspec.registry"]._registry, "s3", Bucket)
    local = shard(tmp_path / "0.tar", {"a.png": picture(), "a.txt": b"a thing"})
    with fsspec.open("s3://bucket/0.tar", "wb") as file:
        file.write(local.read_bytes())
    source = read("s3://bucket/0.tar")
    assert [example.targets for example in source.examples] == [("a thing",)]
    assert load_frames(source.visuals[0], image_size=4, frames=1).shape == (1, 4, 4, 3)
    with pytest.raises(UsageError, match=r"s3://bucket/1\.tar: cannot be opened"):
        read("s3://bucket/1.tar")


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("json", b"nope", "not valid JSON"),
        ("json", b"[1]", "must hold an object"),
        ("json", b"[" * 100_000, "nested too deeply"),
        ("txt", b"\xff\xfe", "not a text file in UTF-8"),
        ("txt", b" " * ((1 << 24) + 1), "larger than 16 MB"),
    ],
)
def test_a_sample_that_cannot_be_read_is_named_and_the_rest_goes_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, name: str, content: bytes, message: str
) -> None:
    bad = {"bad.png": picture(), f"bad.{name}": content}
    with pytest.raises(UsageError, match=f"no sample has both.*{message}"):
        read(shard(tmp_path / "bad.tar", bad))
    with caplog.at_level(logging.WARNING):
        source = read(shard(tmp_path / "both.tar", bad | {"good.png": picture(), "good.txt": b"fine"}))
    assert [example.targets for example in source.examples] == [("fine",)]
    assert "left out" in caplog.text and message in caplog.text


@pytest.mark.parametrize(
    ("clips", "expected"),
    [
        ([[1, 2.5]], (1.0, 2.5)),
        ([["00:00:01.000", "00:00:02.000"]], (None, None)),
        ([[2, 1]], (None, None)),
        ([[0, 10**400]], (None, None)),
        ([[1]], (None, None)),
        ([], (None, None)),
        ({"a": 1}, (None, None)),
        (7, (None, None)),
    ],
)
def test_intervals_of_clips(tmp_path: Path, clips: Any, expected: tuple[float | None, float | None]) -> None:
    details = json.dumps({"caption": "c", "clips": clips}).encode()
    visual = read(shard(tmp_path / "a.tar", {"a.mp4": b"film", "a.json": details})).visuals[0]
    assert (visual.start, visual.end) == expected


def test_names_in_capitals_and_in_no_encoding_are_found_again(tmp_path: Path) -> None:
    name = b"\xff\xfe".decode(errors="surrogateescape")
    source = read(
        shard(
            tmp_path / "a.tar", {"X.PNG": picture(), "X.TXT": b"x", f"{name}.png": b"y", f"{name}.txt": b"y"}
        )
    )
    assert [read_member(v.path, v.member) for v in source.visuals] == [picture(), b"y"]


@pytest.mark.parametrize("damage", ["nonsense", "cut", "gzip"])
def test_what_is_no_tar_is_named(tmp_path: Path, damage: str) -> None:
    path = shard(tmp_path / "a.tar", {"a.png": picture(), "a.txt": b"x" * 2000})
    content = path.read_bytes()
    if damage == "gzip":
        import gzip

        content = gzip.compress(content)
    path.write_bytes({"nonsense": b"x" * 4000, "cut": content[:2600], "gzip": content}[damage])
    with pytest.raises(UsageError, match=r"a\.tar: (cannot be read as a WebDataset shard|no sample)"):
        read(path)


@pytest.mark.parametrize(
    "pattern", ["{0..9999999999}.tar", "{0..1000000}.tar", "{" * 5000, "{0..999}{0..999}{0..999}.tar", "{a"]
)
def test_a_pattern_stands_for_a_bounded_number_of_shards(pattern: str) -> None:
    with pytest.raises(UsageError, match=f"more than {MAX_SHARDS:,} files|braces|cannot be read"):
        read(pattern)


@given(
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=180),
    size=st.integers(0, 10**12),
    kind=st.sampled_from([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE]),
    form=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
    damage=st.none() | st.integers(0, 511),
)
def test_quick_headers_are_what_the_library_reads(
    name: str, size: int, kind: bytes, form: int, damage: int | None
) -> None:
    info = tarfile.TarInfo(name)
    info.size, info.type = size, kind
    try:
        header = info.tobuf(form, "utf-8", "surrogateescape")
    except ValueError:  # the name is too long for the format
        return
    block = bytearray(header[-512:])
    if damage is not None:
        block[damage] ^= 0x55
    expected: object
    try:
        plain = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        expected = (plain.name, plain.size, plain.type in (tarfile.REGTYPE, tarfile.AREGTYPE), plain.isdir())
    except tarfile.TarError as error:
        expected = type(error)
    found: object
    try:
        quick = QuickInfo.frombuf(block, "utf-8", "surrogateescape")
        found = (quick.name, quick.size, quick.type in (tarfile.REGTYPE, tarfile.AREGTYPE), quick.isdir())
    except tarfile.TarError as error:
        found = type(error)
    assert found == expected
