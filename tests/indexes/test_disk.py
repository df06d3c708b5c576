"""Real full disks and real read-only folders."""

import os
import shutil
import subprocess
import sys

import numpy as np
import pytest

from indexes import Index, IndexNotFoundError, IndexWriteError, LeftOutFile

# A limit on the size of a file fails writes as a full disk does, without needing any rights.
FILL = """
import resource, sys
import numpy as np
from indexes import ClipRecord, Index, IndexWriteError, MediaRecord

index = Index.open(sys.argv[1])
vector = np.eye(1, 16, dtype=np.float32)[0]
def put(writer, name, size):
    thumbnail = np.random.default_rng(0).bytes(size)
    writer.put(MediaRecord(name, 1, 1), [ClipRecord(0.0, 1.0, vector, thumbnail=thumbnail)])
with index.writer() as writer:
    put(writer, "small.jpg", 100)
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, resource.RLIM_INFINITY))
try:
    with index.writer() as writer:
        put(writer, "large.jpg", 1_000_000)
except IndexWriteError as error:
    print(error)
with index.writer() as writer:
    put(writer, "later.jpg", 100)
"""


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a file system of its own, of 600 KB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if shutil.which("mount") is None or mount("-t", "tmpfs", "-o", "size=600k", "tmpfs", disk):
        pytest.skip("mounting a small file system needs root")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def mount(*arguments):
    return subprocess.run(["mount", *map(str, arguments)], capture_output=True, check=False).returncode


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no limit on file sizes")
def test_a_write_that_does_not_fit_is_undone(index):
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(index.folder)], capture_output=True, text=True, check=True
    )
    assert f"cannot commit in {index.folder}: " in done.stdout
    index.refresh()
    assert sorted(index.known_files()) == ["later.jpg", "small.jpg"]
    assert index.verify() == []


def test_a_full_disk(small_disk, new_index, put, vector):
    index = new_index("disk/index")
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
    with pytest.raises(IndexWriteError, match="No space left on device"), index.writer() as writer:
        put(writer, "b.mp4", 20_000)
    assert list(index.known_files()) == ["a.mp4"]
    assert len(index.search(vector("x")[None], k=9)[0]) == 2
    assert index.verify() == []
    with index.writer() as writer:
        writer.remove(["a.mp4"])
    assert index.known_files() == {}


def test_nothing_half_written_stays_on_a_full_disk(small_disk, new_index, put):
    index = new_index("disk/index")
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
    before = {path.relative_to(index.folder) for path in index.folder.rglob("*") if path.is_file()}
    with pytest.raises(IndexWriteError), index.writer() as writer:
        put(writer, "b.mp4", 20_000)
    with pytest.raises(IndexWriteError):
        index.maintenance.save_queries(np.zeros((50_000, 16), np.float32))
    with pytest.raises(IndexWriteError):
        index.save_calibration({"numbers": [0.5] * 500_000})
    with pytest.raises(IndexWriteError), index.writer() as writer:
        writer.replace_left_out(LeftOutFile(f"{number}.xyz", "x" * 50) for number in range(20_000))
    after = {path.relative_to(index.folder) for path in index.folder.rglob("*") if path.is_file()}
    assert {path for path in after - before if path.parts[1:2] != ("_transactions",)} == set()
    assert index.verify() == []


def test_vectors_that_do_not_fit_leave_nothing(index, put, monkeypatch):
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
    before = sorted(path.name for path in (index.folder / "vectors").iterdir())

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("indexes.vectors.windows.update", fail)
    with pytest.raises(IndexWriteError, match="No space left"):
        index.maintenance.build_vectors()
    assert sorted(path.name for path in (index.folder / "vectors").iterdir()) == before
    assert index.verify() == []


def test_a_read_only_file_system(small_disk, new_index, put, vector):
    index = new_index("disk/index")
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
    assert mount("-o", "remount,ro", small_disk) == 0
    can_be_read_but_not_written(index.folder, vector("x"))


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="permissions do not bind root")
def test_a_folder_without_write_permission(index, put, vector):
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
    everything = [index.folder, *index.folder.rglob("*")]
    for path in everything:
        path.chmod(0o555 if path.is_dir() else 0o444)
    try:
        can_be_read_but_not_written(index.folder, vector("x"))
    finally:
        for path in everything:
            path.chmod(0o755)


def can_be_read_but_not_written(folder, query):
    index = Index.open(folder)
    assert len(index.search(query[None], k=9)[0]) == 2
    assert list(index.known_files()) == ["a.mp4"]
    assert index.verify() == []
    for write in (index.writer, index.maintenance.optimize, index.maintenance.build_vectors):
        with pytest.raises(IndexWriteError, match=f"cannot write to {folder}: (Read-only|Permission denied)"):
            write()


def test_an_index_cannot_be_made_where_a_file_is(tmp_path, new_index):
    (tmp_path / "taken").write_text("text")
    with pytest.raises(IndexWriteError, match=r"cannot make an index at .*taken"):
        new_index("taken")
    with pytest.raises(IndexNotFoundError, match=r"no index at .*taken"):
        Index.open(tmp_path / "taken")
