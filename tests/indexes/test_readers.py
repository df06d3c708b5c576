"""Readers in other processes, while a writer writes, compacts and deletes old versions."""

import itertools
import subprocess
import sys
import threading
from datetime import timedelta

from indexes import Index

READ = """
import sys
import numpy as np
from indexes import Index

index = Index.open(sys.argv[1])
query = np.full((1, 16), 0.25, np.float32)
print("ready", flush=True)
rounds, changes, told = 0, 0, False
while not index.known_files().get("end/0.mp4"):
    changes += index.refresh()
    files = index.media(columns=["path", "clips"]).to_pylist()
    for file in files:
        if not file["path"].startswith("end"):
            assert file["clips"] == int(file["path"].split("/")[0]), file
    hits = index.search(query, k=1000)[0]
    assert len(hits) == sum(file["clips"] for file in files)
    fetched = index.clips([hit.clip_id for hit in hits], columns=["path"])["path"].to_pylist()
    assert fetched == [hit.path for hit in hits]
    assert len(index.search(query, k=1000, where="start >= 0")[0]) == len(hits)
    Index.open(sys.argv[1]).search(query, k=3)
    rounds += 1
    if min(rounds, changes) >= 2 and not told:
        told = print("has seen changes", flush=True) is None
"""


def test_readers_never_fail_while_a_writer_works(index, put):
    command = [sys.executable, "-c", READ, str(index.folder)]
    reader = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        assert reader.stdout.readline() == "ready\n"
        told: list[str] = []
        listener = threading.Thread(target=lambda: told.append(reader.stdout.readline()))
        listener.start()
        for turn in itertools.count():
            if turn >= 12 and not listener.is_alive():
                break
            with index.writer() as writer:
                for number in range(6):
                    clips = 1 + (turn + number) % 4
                    put(writer, f"{clips}/{number}.mp4", clips, salt=str(turn))
                    if number % 2:
                        writer.commit()
                writer.remove([f"1/{turn % 6}.mp4"])
            if turn % 4 == 3:
                index.maintenance.optimize()
        with index.writer() as writer:
            put(writer, "end/0.mp4", 1)
        _, errors = reader.communicate(timeout=120)
    finally:
        reader.kill()
        reader.wait()
    assert reader.returncode == 0, errors
    assert told == ["has seen changes\n"]


def test_a_reader_whose_commit_is_long_gone_moves_to_the_present(index, put, vector):
    with index.writer() as writer:
        put(writer, "a.mp4", 1)
    reader = Index.open(index.folder)
    with index.writer() as writer:
        put(writer, "a.mp4", 2, salt="new")
    index.maintenance.optimize(keep_versions=timedelta(0))
    assert reader.media(columns=["clips"])["clips"].to_pylist() == [2]
    assert len(reader.search(vector("x")[None], k=9)[0]) == 2


def test_optimize_spares_versions_that_readers_may_hold(index, put):
    with index.writer() as writer:
        put(writer, "a.mp4", 1)
    reader = Index.open(index.folder)
    before = reader.manifest
    with index.writer() as writer:
        put(writer, "a.mp4", 2, salt="new")
    index.maintenance.optimize()
    assert reader.media(columns=["clips"])["clips"].to_pylist() == [1]
    assert reader.manifest == before


def test_optimize_joins_fragments_and_frees_space(index, put, monkeypatch):
    monkeypatch.setattr("indexes.pending.MAX_PENDING_FILES", 1)
    with index.writer() as writer:
        for number in range(20):
            put(writer, f"{number}.mp4", 1)
    data = index.folder / "clips.lance" / "data"
    assert len(list(data.iterdir())) == 20
    index.maintenance.optimize(keep_versions=timedelta(0))
    assert len(list(data.iterdir())) == 1
    assert len(index.known_files()) == 20
    assert index.verify() == []
