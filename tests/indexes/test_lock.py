"""One writer at a time, and no lock outlives its holder."""

import json
import os
import signal
import socket
import subprocess
import sys

import pytest

from indexes import Index, IndexLockedError

HOLD = """
import sys, time
from indexes import Index
with Index.open(sys.argv[1]).writer():
    print("ready", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def holder(index):
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(index.folder)], stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == "ready\n"
    yield process
    process.kill()
    process.wait()


def test_a_second_writer_is_told_who_holds_the_index(index, holder):
    with pytest.raises(IndexLockedError, match=f"process {holder.pid} on {socket.gethostname()} since 20"):
        index.writer()
    with pytest.raises(IndexLockedError):
        index.maintenance.optimize()
    assert Index.open(index.folder).known_files() == {}


def test_a_second_writer_in_the_same_process_is_refused(index, put):
    with index.writer() as writer:
        with pytest.raises(IndexLockedError, match=f"process {os.getpid()}"):
            Index.open(index.folder).writer()
        put(writer, "a.mp4")
    assert list(index.known_files()) == ["a.mp4"]


def test_the_lock_of_a_killed_writer_is_free(index, holder, put):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    with index.writer() as writer:
        put(writer, "a.mp4")
    assert list(index.known_files()) == ["a.mp4"]


def test_a_note_without_a_lock_holds_nobody_up(index, put):
    note = {"pid": os.getpid(), "host": "elsewhere", "started": "2020-01-01"}
    (index.folder / "writer.json").write_text(json.dumps(note))
    (index.folder / "writer.lock").touch()
    with index.writer() as writer:
        put(writer, "a.mp4")
    assert list(index.known_files()) == ["a.mp4"]
    assert not (index.folder / "writer.json").exists()
