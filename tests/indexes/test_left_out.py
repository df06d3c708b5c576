"""The list of files that a run left out: stored with a commit, bounded, and never a reason to fail."""

import json
import subprocess
import sys

import pytest

from indexes import Index, IndexWriteError, LeftOut, LeftOutFile, MediaRecord, left_out


def listed(index):
    return [(file.path, file.reason) for file in Index.open(index.folder).left_out().files]


def test_it_is_stored_with_the_commit(index, put):
    assert index.left_out() == LeftOut()
    with index.writer() as writer:
        put(writer, "a.mp4")
        writer.replace_left_out(
            [LeftOutFile("b.xyz", "unknown file type .xyz"), LeftOutFile("a.txt", "text")]
        )
        assert listed(index) == []
    assert listed(index) == [("a.txt", "text"), ("b.xyz", "unknown file type .xyz")]
    assert index.stats().files_left_out == 2
    assert index.verify() == []


def test_a_run_over_a_folder_replaces_only_what_is_below_it(index):
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile(path, "old") for path in ("a/1", "a/b/2", "ab/3", "c")])
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile("a/4", "new")], below=["a", "c"])
    assert listed(index) == [("a/4", "new"), ("ab/3", "old")]
    with index.writer() as writer:
        writer.replace_left_out([], below=["."])
    assert listed(index) == []


def test_names_that_are_not_unicode_survive(index):
    path = b"caf\xe9\n\xff.xyz".decode("utf-8", "surrogateescape")
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile(path, "unknown")])
    assert listed(index) == [(path, "unknown")]


def test_an_unchanged_list_is_not_written_again(index):
    for _ in range(2):
        with index.writer() as writer:
            writer.replace_left_out([LeftOutFile("a", "b")])
    before = (index.folder / "left_out.jsonl").stat()
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile("a", "b")])
    assert (index.folder / "left_out.jsonl").stat().st_ino == before.st_ino


def test_long_lists_are_cut_and_counted(index, monkeypatch):
    monkeypatch.setattr(left_out, "MAX_LISTED", 3)
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile(f"{number}.xyz", "unknown") for number in range(10)])
    found = index.left_out()
    assert (len(found.files), found.unlisted, found.count) == (3, 7, 10)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}\n",
        b"\xff\xfe\n",
        b"[" * 100_000 + b"\n",
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "other", "files": 0, "unlisted": 0}\n',
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "%ID", "files": 1e9, "unlisted": 0}\n',
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "%ID", "files": 99999, "unlisted": 0}\n',
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "%ID", "files": 0, "unlisted": 0}\n{}\n',
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "%ID", "files": 1, "unlisted": 0}\n[]\n',
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "%ID", "files": 1, "unlisted": 0}\n'
        b'{"path": 5, "reason": []}\n',
        b'{"format": "jepa-left-out", "format_version": 1, "index_id": "%ID", "files": 1, "unlisted": 0}\n"'
        + b"x" * 1_000_000,
    ],
    ids=lambda content: content[:20].decode("latin-1"),
)
def test_a_damaged_list_is_ignored_with_a_warning(index, caplog, content):
    path = index.folder / "left_out.jsonl"
    path.write_bytes(content.replace(b"%ID", index.manifest.index_id.encode()))
    assert index.left_out() == LeftOut()
    assert "left_out.jsonl is ignored" in caplog.text
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile("a", "b")])
    assert listed(index) == [("a", "b")]
    assert json.loads(path.read_bytes().splitlines()[0])["files"] == 1


def test_files_in_part_are_a_state_of_their_own(index, put):
    with index.writer() as writer:
        put(writer, "whole.mp4", duration=10.0)
        put(writer, "half.mp4", state="partial", error="cut off: 4.0 of 16.0 seconds are there", duration=4.0)
        writer.put(MediaRecord("bad.mp4", 1, 1, state="failed", error="no"), [])
    stats = index.stats()
    assert (stats.files_ok, stats.files_partial, stats.files_failed) == (1, 1, 1)
    assert (stats.videos, stats.media_seconds, stats.clips) == (2, 14.0, 4)
    record = index.known_files()["half.mp4"]
    assert (record.state, record.error) == ("partial", "cut off: 4.0 of 16.0 seconds are there")
    assert [record.is_indexed for record in index.known_files().values()].count(True) == 2
    assert len(index.clips_of("half.mp4")) == 2
    assert index.media(where="state = 'partial'")["path"].to_pylist() == ["half.mp4"]
    assert index.verify() == []


# Ends the process, as `kill -9` does, after one step of a commit.
DIE = """
import os, sys
from indexes import ClipRecord, Index, LeftOutFile, MediaRecord, left_out, writer
import numpy as np

folder, step = sys.argv[1:]
place = writer if step == "write_manifest" else left_out
real = getattr(place, step)

def die(*arguments, **options):
    real(*arguments, **options)
    os._exit(9)

with Index.open(folder).writer() as writing:
    writing.put(MediaRecord("new.mp4", 1, 1), [ClipRecord(0.0, 1.0, np.eye(16, dtype=np.float32)[0])])
    writing.replace_left_out([LeftOutFile("new.xyz", "unknown")])
    setattr(place, step, die)
"""


@pytest.mark.parametrize("step", ["prepare", "write_manifest", "settle"])
def test_the_list_is_that_of_the_commit_wherever_its_writer_is_killed(index, put, step):
    with index.writer() as writer:
        put(writer, "old.mp4")
        writer.replace_left_out([LeftOutFile("old.xyz", "unknown")])
    command = [sys.executable, "-c", DIE, str(index.folder), step]
    assert subprocess.run(command, check=False).returncode == 9
    index.refresh()
    committed = "new.mp4" in index.known_files()
    assert committed == (step != "prepare")
    right = [("new.xyz" if committed else "old.xyz", "unknown")]
    assert listed(index) == right
    assert {problem.what for problem in index.verify()} <= {
        *("unfinished write", "orphaned files", "stale vector index"),
    }
    with index.writer() as writer:  # clears up
        assert listed(index) == right
        writer.remove(["new.mp4"])
    assert listed(index) == right
    assert not (index.folder / left_out.NEXT_FILE_NAME).exists()
    assert index.verify() == []


def test_a_list_of_an_older_program_is_read(index):
    with index.writer() as writer:
        writer.replace_left_out([LeftOutFile("a", "b")])
    path = index.folder / left_out.FILE_NAME
    header, *rows = path.read_text().splitlines()
    older = {name: value for name, value in json.loads(header).items() if name != "commit"}
    path.write_text("\n".join([json.dumps(older), *rows, ""]))
    assert listed(index) == [("a", "b")]


def test_a_list_that_cannot_be_prepared_leaves_the_commit_undone(index, put, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    with index.writer() as writer:
        put(writer, "a.mp4")
        writer.replace_left_out([LeftOutFile("b", "unknown")])
        with monkeypatch.context() as patch:
            patch.setattr(left_out, "prepare", full)
            with pytest.raises(IndexWriteError, match="No space left"):
                writer.commit()
    assert listed(index) == []
    assert not index.known_files()
    with index.writer() as writer:
        put(writer, "a.mp4")
    assert list(index.known_files()) == ["a.mp4"]
    assert index.verify() == []
