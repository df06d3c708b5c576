"""Shards read as a stream: every sample once an epoch, in an order of its own, and on from any place."""

import io
import itertools
import logging
import os
import signal
import subprocess
import sys
import tarfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image
from safetensors.torch import load_file

from jepa_retrieval.errors import UsageError
from jepa_retrieval.training import checkpoint
from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.data.examples import StreamedShards
from jepa_retrieval.training.data.shard_stream import ShardStream
from jepa_retrieval.training.stages import train
from tests.conftest import REPOSITORY
from tests.jepa_retrieval.training import killed_run
from tests.jepa_retrieval.training.conftest import COLOURS, Recipe

pytestmark = pytest.mark.long

SHARDS, SAMPLES = 6, 7
EVERY = {f"{shard:05}{sample:04}.png" for shard in range(SHARDS) for sample in range(SAMPLES)}
RGB = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255), "yellow": (255, 255, 0)}


def write_shards(folder: Path, *, shards: int = SHARDS, samples: int = SAMPLES, size: int = 8) -> list[str]:
    """Pictures of one colour with its name as their text."""
    paths = []
    for shard in range(shards):
        path = folder / f"{shard:05}.tar"
        with tarfile.open(path, "w") as archive:
            for sample in range(samples):
                name = list(RGB)[(shard + sample) % len(RGB)]
                buffer = io.BytesIO()
                Image.new("RGB", (size, size), RGB[name]).save(buffer, "png")
                stem = f"{shard:05}{sample:04}"
                _add(archive, f"{stem}.png", buffer.getvalue())
                _add(archive, f"{stem}.txt", f"a {name} photo".encode())
        paths.append(str(path))
    return paths


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    archive.addfile(info, io.BytesIO(data))


@pytest.fixture(scope="module")
def shards(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, ...]:
    return tuple(write_shards(tmp_path_factory.mktemp("shards")))


def names_of(stream: ShardStream, count: int) -> list[str]:
    return [stream.take().visual.name for _ in range(count)]


@pytest.mark.parametrize("readers", [1, 2, 6])
@pytest.mark.parametrize("buffer", [1, 5])
def test_readers_together_give_every_sample_once_an_epoch(
    shards: tuple[str, ...], readers: int, buffer: int
) -> None:
    source = StreamedShards(shards, buffer=buffer)
    streams = [ShardStream(source, seed=3, reader=number, readers=readers) for number in range(readers)]
    each = SHARDS * SAMPLES // readers
    # What is still in the buffers at the end of an epoch comes in the next one.
    first = Counter(name for stream in streams for name in names_of(stream, each))
    assert len(first) >= len(EVERY) - readers * buffer
    assert max(first.values()) <= (1 if buffer == 1 else 2)
    later = Counter(name for stream in streams for name in names_of(stream, 5 * each))
    assert set(first + later) == EVERY


def test_orders_differ_by_seed_and_epoch_and_are_the_same_again(shards: tuple[str, ...]) -> None:
    source = StreamedShards(shards, buffer=10)
    one, again, other = (
        names_of(ShardStream(source, seed=seed, reader=0, readers=1), 84) for seed in (1, 1, 2)
    )
    assert one == again
    assert one != other
    assert one[:42] != one[42:]
    assert one[:42] != sorted(one[:42])


@given(taken=st.integers(0, 90), buffer=st.integers(1, 50))
@settings(max_examples=25, deadline=None)
def test_a_stream_goes_on_from_any_place(shards: tuple[str, ...], taken: int, buffer: int) -> None:
    source = StreamedShards(shards, buffer=buffer)
    stream = ShardStream(source, seed=5, reader=1, readers=2)
    names_of(stream, taken)
    resumed = ShardStream(source, seed=5, reader=1, readers=2, state=stream.state())
    assert names_of(resumed, 30) == names_of(stream, 30)


def test_too_few_shards_are_an_error(shards: tuple[str, ...]) -> None:
    with pytest.raises(UsageError, match="6 shards cannot be shared by 7 readers"):
        ShardStream(StreamedShards(shards), seed=0, reader=0, readers=7)


def test_a_damaged_shard_is_named_and_the_rest_is_read(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    paths = write_shards(tmp_path, shards=3)
    Path(paths[1]).write_bytes(b"no tar file" * 100)
    stream = ShardStream(StreamedShards(tuple(paths), buffer=2), seed=0, reader=0, readers=1)
    with caplog.at_level(logging.WARNING):
        found = set(names_of(stream, 30))
    assert found == {name for name in EVERY if name[:5] in ("00000", "00002")}
    assert "00001.tar: cannot be read as a WebDataset shard" in caplog.text


def test_shards_without_a_single_sample_end_the_run(tmp_path: Path) -> None:
    path = tmp_path / "0.tar"
    with tarfile.open(path, "w") as archive:
        _add(archive, "1.png", b"no text beside it")
    stream = ShardStream(StreamedShards((str(path),)), seed=0, reader=0, readers=1)
    with pytest.raises(UsageError, match="no sample that can be used"):
        stream.take()


def test_changed_shards_are_told_on_resuming(tmp_path: Path) -> None:
    paths = tuple(write_shards(tmp_path, shards=1))
    source = StreamedShards(paths, buffer=5)
    stream = ShardStream(source, seed=0, reader=0, readers=1)
    stream.take()
    write_shards(tmp_path, shards=1, samples=2)
    with pytest.raises(UsageError, match="not what it was when the checkpoint was written"):
        ShardStream(source, seed=0, reader=0, readers=1, state=stream.state())


def test_the_two_sides_of_hold_out_share_nothing(shards: tuple[str, ...]) -> None:
    sides = [
        set(
            names_of(
                ShardStream(
                    StreamedShards(shards, buffer=3, hold_out=0.3, part=part), seed=0, reader=0, readers=1
                ),
                200,
            )
        )
        for part in ("kept", "held-out")
    ]
    assert sides[0] | sides[1] == EVERY
    assert not sides[0] & sides[1]


STREAMED = """
[[sources]]
name = "stream"
format = "webdataset"
path = "{}"
stream = true
shuffle_buffer = 9
"""
PHASES = '[[phases]]\nname = "images"\nsteps = 8\nbatch_size = 12\nmicro_batch = 4'
RUN = '[run]\noutput = "{}"\nthreads = 1\nlog_every = 2\nevaluate_every = 8\ncheckpoint_every = 3\ndevice = "cpu"'


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_run_on_a_stream_ends_with_the_same_weights(
    recipe: Recipe, tmp_path: Path, workers: int
) -> None:
    assert set(RGB) < {*COLOURS}
    write_shards(tmp_path, size=64)
    sections = {
        "phases": PHASES,
        "sources": STREAMED.format(tmp_path / "{00000..00005}.tar"),
        "tokens": f'[tokens]\nmode = "online"\nworkers = {workers}\naugmented = 1',
        "evaluate": "",
    }
    killed, whole = (recipe(f"{name}.toml", run=RUN.format(name), **sections) for name in ("killed", "whole"))
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1"}
    command = [sys.executable, killed_run.__file__, str(killed), "4"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == -signal.SIGKILL, done.stderr[-3000:]
    state = checkpoint.load(tmp_path / "killed")
    assert state is not None and state["step"] == 3
    assert len(state["extra"]["streams"][0]) == workers

    train(load_config(killed), "pretrain")
    train(load_config(whole), "pretrain")
    resumed, uninterrupted = (
        load_file(tmp_path / name / "last" / "model.safetensors") for name in ("killed", "whole")
    )
    assert all(torch.equal(resumed[name], tensor) for name, tensor in uninterrupted.items())


@pytest.mark.parametrize(
    ("tokens", "more", "message"),
    [
        ("[tokens]", "", 'stream = true needs tokens.mode = "online"'),
        ('[tokens]\nmode = "online"', "limit = 5", "a stream has no limit"),
    ],
)
def test_a_stream_that_makes_no_sense_is_refused(
    recipe: Recipe, tmp_path: Path, tokens: str, more: str, message: str
) -> None:
    path = recipe(tokens=tokens, sources=STREAMED.format(tmp_path / "0.tar") + more)
    with pytest.raises(UsageError, match=message):
        load_config(path)


def test_nothing_is_listed_before_the_first_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand shards: what is opened before the first sample is one of them."""
    paths = write_shards(tmp_path, shards=1)
    opened: list[str] = []
    original = tarfile.open

    def counted(*arguments: object, **options: object) -> tarfile.TarFile:
        opened.append(str(arguments))
        return original(*arguments, **options)  # type: ignore[call-overload, no-any-return]

    monkeypatch.setattr(tarfile, "open", counted)
    stream = ShardStream(StreamedShards(tuple(paths * 1000), buffer=5), seed=0, reader=0, readers=4)
    assert np.asarray(Image.open(io.BytesIO(stream.take().data))).shape == (8, 8, 3)
    assert len(list(itertools.islice(opened, 5))) == 1
