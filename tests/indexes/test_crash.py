"""Writers that die or fail at any moment: each file is whole and once, or not there at all."""

import random
import subprocess
import sys
import time

import pytest

from indexes import Index, IndexWriteError
from indexes.tables import Table

# Writes for ever, in groups of three files. A file at "N/..." has N clips; generations replace, move and remove.
WRITE = """
import sys
import numpy as np
from indexes import ClipRecord, Index, MediaRecord, pending

pending.MAX_PENDING_FILES = 3
rng = np.random.default_rng(int(sys.argv[2]))
index = Index.open(sys.argv[1])

def vector():
    values = rng.standard_normal(16)
    return (values / np.linalg.norm(values)).astype(np.float32)

ready = False
while True:
    with index.writer() as writer:
        known = list(index.known_files())
        for path in known[:4]:
            writer.move(path, path + "'", mtime_ns=1)
        writer.remove(known[4:6])
        for number in range(8):
            clips = int(rng.integers(1, 5))
            records = [ClipRecord(float(n), n + 1.0, vector(), thumbnail=b"x" * 5000) for n in range(clips)]
            writer.put(MediaRecord(f"{clips}/{rng.integers(12)}.mp4", 1, 1), records)
            if not ready:
                writer.commit()
                ready = print("ready", flush=True) is None
    index.refresh()
    print("written", flush=True)
"""


def whole(index):
    """Every file is there once with all its clips, in the tables and in searches."""
    files = index.media(columns=["path", "clips"]).to_pylist()
    assert len({file["path"] for file in files}) == len(files)
    assert all(file["clips"] == int(file["path"].split("/")[0]) for file in files)
    clips = [path for batch in index.iter_clips(columns=["path"]) for path in batch["path"].to_pylist()]
    assert sorted(clips) == sorted(file["path"] for file in files for _ in range(file["clips"]))
    query = [[1.0] + [0.0] * 15]
    hits = index.search(query, k=10_000)[0]
    assert sorted(hit.path for hit in hits) == sorted(clips)
    assert len({hit.clip_id for hit in hits}) == len(hits)


def test_kill_at_random_moments(index):
    moments = random.Random(5)
    seen = 0
    for turn in range(4):
        command = [sys.executable, "-c", WRITE, str(index.folder), str(turn)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        try:
            assert process.stdout.readline() == "ready\n"
            for _ in range(turn):
                assert process.stdout.readline() == "written\n"
            time.sleep(0.5 * moments.random())
        finally:
            process.kill()
            process.wait()
        reader = Index.open(index.folder)
        whole(reader)
        seen = max(seen, reader.manifest.commit.number)
        # What `vectors/` was being given, too: the next writer clears that away.
        allowed = {
            "unfinished write",
            "stale vector index",
            "missing or damaged vector index",
            "orphaned files",
        }
        assert {problem.what for problem in reader.verify()} <= allowed
    assert seen > 5
    with index.writer() as writer:
        writer.commit()
    whole(index)
    assert index.verify() == []


@pytest.mark.parametrize("step", ["clips delete", "clips append", "media delete", "media append", "manifest"])
@pytest.mark.parametrize("before", [True, False], ids=["before", "after"])
def test_a_write_that_fails_leaves_the_last_commit(index, put, vector, monkeypatch, step, before):
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
        put(writer, "b.mp4", 2)

    def fail_at(name, real):
        def act(*arguments, **options):
            table = arguments[0].path.name.split(".")[0] + " " if isinstance(arguments[0], Table) else ""
            if table + name != step:
                return real(*arguments, **options)
            if not before:
                real(*arguments, **options)
            raise OSError(28, "No space left on device")

        return act

    with monkeypatch.context() as patch:
        patch.setattr(Table, "delete", fail_at("delete", Table.delete))
        patch.setattr(Table, "append", fail_at("append", Table.append))
        writer_module = sys.modules["indexes.writer"]
        patch.setattr(writer_module, "write_manifest", fail_at("manifest", writer_module.write_manifest))
        with index.writer() as writer:
            put(writer, "a.mp4", 3, salt="new")
            put(writer, "c.mp4", 1)
            writer.move("b.mp4", "d.mp4", mtime_ns=1)
            with pytest.raises(IndexWriteError, match=r"cannot commit in .*: No space left on device"):
                writer.commit()
            with pytest.raises(IndexWriteError, match=r"an earlier write to .* failed"):
                put(writer, "e.mp4", 1)
    after = ["a.mp4", "c.mp4", "d.mp4"] if step == "manifest" and not before else ["a.mp4", "b.mp4"]
    clips = 6 if step == "manifest" and not before else 4
    assert sorted(index.known_files()) == after
    assert len(index.search(vector("x")[None], k=50)[0]) == clips
    assert {problem.what for problem in index.verify()} <= {"unfinished write", "stale vector index"}
    with index.writer() as writer:
        put(writer, "e.mp4", 1)
    assert sorted(index.known_files()) == [*after, "e.mp4"]
    assert len(index.search(vector("x")[None], k=50)[0]) == clips + 1
    assert index.verify() == []


def test_an_interrupted_commit_is_not_done_twice(index, put, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("indexes.writer.write_manifest", interrupt)
        with index.writer() as writer:
            put(writer, "a.mp4", 2)
    with index.writer() as writer:
        put(writer, "a.mp4", 2)
    assert index.stats().clips == 2
    assert index.verify() == []


def test_a_disk_that_fills_up_while_vectors_are_written_costs_no_records(
    index, put, vector, monkeypatch, caplog
):
    caplog.set_level("WARNING", logger="indexes")

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("indexes.vectors.files.write_file", fail)
        with index.writer() as writer:
            put(writer, "a.mp4", 2)
    assert "searches will be slower" in caplog.text
    assert len(index.search(vector("x")[None], k=5)[0]) == 2
    index.maintenance.build_vectors()
    assert index.verify() == []
