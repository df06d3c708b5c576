"""Indexing processes that are killed, crowded out or starved of disk."""

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from indexes import IndexLockedError
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.indexing.distributed.reaper import descendants
from tests.real_media import PHOTOGRAPHS, photograph, video
from tests.waiting import wait_for, wait_until_ended

pytestmark = pytest.mark.long

KILLS = 5


def start_indexing(folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "cli.main", "index", str(folder), "--json"]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


@pytest.fixture
def many_files(tmp_path: Path) -> Path:
    for number in range(40):
        source = photograph(PHOTOGRAPHS[number % len(PHOTOGRAPHS)])
        shutil.copy(source, tmp_path / f"{number:02} {source.name}")
    for number in range(3):
        shutil.copy(video("bikes.mp4"), tmp_path / f"bikes {number}.mp4")
    return tmp_path


def test_killed_runs_lose_nothing_and_double_nothing(many_files: Path) -> None:
    files = sorted(path.name for path in many_files.iterdir())
    Library.create(many_files)
    moments = random.Random(3)
    for _ in range(KILLS):
        process = start_indexing(many_files)
        time.sleep(moments.uniform(0.5, 4.0))
        process.send_signal(signal.SIGKILL)
        process.communicate()
        found = Library.open(many_files).search("a cat", top=200).hits
        assert len({(hit.path, hit.start) for hit in found}) == len(found)
    done = start_indexing(many_files)
    output, errors = done.communicate()
    assert done.returncode == 0, errors.decode()
    library = Library.open(many_files)
    assert sorted(library.records.known_files()) == files
    stored = Counter(library.records.clips(_all_clip_ids(library), columns=["path"])["path"].to_pylist())
    assert sorted(stored) == files
    assert all(stored[name] == 1 for name in files if not name.endswith(".mp4"))
    assert len({stored[name] for name in files if name.endswith(".mp4")}) == 1
    assert json.loads(output)["clips"] == sum(stored.values())
    assert library.verify() == []


def _all_clip_ids(library: Library) -> list[int]:
    return [hit.clip_id for hit in library.records.search(library.model.y_encoder.encode(["x"]), k=10_000)[0]]


def test_no_process_outlives_a_killed_run(many_files: Path) -> None:
    Library.create(many_files)
    process = start_indexing(many_files)
    try:
        children = wait_for(lambda: descendants(process.pid))
    finally:
        process.kill()
        process.communicate()
    wait_until_ended(children)


def test_second_writer_is_told_and_readers_go_on(tmp_path: Path) -> None:
    shutil.copy(photograph("chelsea.png"), tmp_path / "cat.png")
    library = Library.create(tmp_path)
    library.index()
    with library.records.writer():
        with pytest.raises(IndexLockedError, match=str(os.getpid())):
            Library.open(tmp_path).index()
        assert [hit.path for hit in Library.open(tmp_path).search("a cat").hits] == ["cat.png"]
