"""Files for results take their place when they are whole: errors and kills leave what was there."""

import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import pytest

from jepa_retrieval.output_files import naming, replacing

NOBODY = 65534
KILLED = """
import os, signal, sys
from jepa_retrieval.output_files import replacing
with replacing(sys.argv[1]) as written:
    written.write_text("half")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_file_is_replaced_at_the_end(tmp_path: Path) -> None:
    target = tmp_path / f"{'n' * 250}.csv"  # the longest name there can be
    target.write_text("old")
    target.chmod(0o640)
    with replacing(target) as written:
        written.write_text("new")
        assert (written.suffix, target.read_text()) == (".csv", "old")
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("new", 0o640)
    assert list(tmp_path.iterdir()) == [target]


def test_an_error_leaves_what_was_there(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    with pytest.raises(ZeroDivisionError), replacing(target) as written:
        written.write_text("half")
        _ = 1 / 0
    with pytest.raises(FileNotFoundError), replacing(target):
        pass  # nothing is written
    assert target.read_text() == "old" and list(tmp_path.iterdir()) == [target]


def test_a_killed_writer_leaves_what_was_there_and_the_next_one_cleans_up(tmp_path: Path) -> None:
    target = tmp_path / "a.csv"
    target.write_text("old")
    assert subprocess.run([sys.executable, "-c", KILLED, str(target)]).returncode == -9
    (left,) = (path for path in tmp_path.iterdir() if path != target)
    assert target.read_text() == "old" and left.name.startswith(".")
    os.utime(left, (time.time() - 3600,) * 2)
    with replacing(target) as written:
        written.write_text("new")
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_owner_and_group_are_kept(tmp_path: Path) -> None:
    target = tmp_path / "a.html"
    target.write_text("old")
    os.chown(target, NOBODY, NOBODY)
    target.chmod(0o640)
    with replacing(target) as written:
        written.write_text("new")
    found = target.stat()
    assert (found.st_uid, found.st_gid, found.st_mode & 0o777) == (NOBODY, NOBODY, 0o640)
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]


@pytest.mark.skipif(os.geteuid() != 0, reason="needs files of two users")
@pytest.mark.parametrize("mode", [0o777, 0o1777], ids=["common folder", "sticky folder"])
def test_a_file_of_somebody_else_stays_theirs(mode: int) -> None:
    with tempfile.TemporaryDirectory() as name:  # not below a folder that is root's alone
        folder = Path(name)
        folder.chmod(mode)
        target = folder / "a.html"
        target.write_text("old and longer than what comes")
        target.chmod(0o666)
        os.seteuid(NOBODY)
        try:
            with replacing(target) as written:
                written.write_text("new")
                assert written.stat().st_uid == NOBODY
        finally:
            os.seteuid(0)
        assert (target.read_text(), target.stat().st_uid) == ("new", 0)
        assert list(folder.iterdir()) == [target]


def test_a_pipe_is_written_to_and_stays(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.csv"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    with replacing(pipe) as written:
        written.write_text("through")
    reader.join()
    assert read == ["through"] and pipe.is_fifo()


def test_errors_name_the_file_that_was_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "no" / "a.csv"):
        pass
    assert caught.value.filename == str(tmp_path / "no" / "a.csv")
    with pytest.raises(OSError, match="it broke") as told, naming(tmp_path / "a.csv"):
        raise OSError("it broke")
    assert told.value.filename == str(tmp_path / "a.csv")
    with pytest.raises(FileNotFoundError) as of_another, naming(tmp_path / "a.csv"):
        (tmp_path / "b.mp4").read_bytes()
    assert of_another.value.filename == str(tmp_path / "b.mp4")
