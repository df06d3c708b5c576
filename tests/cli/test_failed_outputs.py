"""Files that cannot be written: one clear error, results all the same, and nothing half written."""

import json
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa
from tests.real_media import photograph, video

NOWHERE = "/proc"  # a folder in which no file can be made, whoever tries


@contextmanager
def nearly_full_disk(size: int) -> Iterator[None]:
    """Writing more than so many bytes to a file fails."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_the_page_of_a_search(jepa: Jepa, library: Path) -> None:
    page = f"{NOWHERE}/a.html"
    done = jepa("search", "a cat", "--index", library, "--html", page)
    assert done.status == 1 and "chelsea.png" in done.out
    assert done.err.splitlines()[-1] == f"Error: {page} was not written: no such file or folder"


@pytest.mark.long
def test_the_page_of_surprises(jepa: Jepa) -> None:
    page = f"{NOWHERE}/a.html"
    done = jepa("surprise", video("bikes.mp4"), "--min-z", "0", "--html", page, "--json")
    assert done.status == 1 and json.loads(done.out)["surprises"]
    assert done.err == f"Error: {page} was not written: no such file or folder\n"


def test_the_confusion_matrix(jepa: Jepa, tmp_path: Path) -> None:
    truth = tmp_path / "truth.csv"
    truth.write_text(f"{photograph('chelsea.png')},a cat\n")
    named = ("--labels", "a cat,a dog", "--truth", truth, "--confusion", f"{NOWHERE}/a.png", "--json")
    done = jepa("classify", photograph("chelsea.png"), *named)
    assert done.status == 1 and json.loads(done.out)["evaluation"]["items"] == 1
    assert done.err.splitlines()[-1] == f"Error: {NOWHERE}/a.png was not written: no such file or folder"


def test_the_timeline_and_the_subtitles_of_a_stream(jepa: Jepa, tmp_path: Path) -> None:
    sentences = tmp_path / "sentences.txt"
    sentences.write_text("Bicycles on a street.\nA cat.\n")
    watch = ("watch", video("bikes.mp4"), "--sentences", sentences, "--for", 3)
    done = jepa(*watch, "--timeline", f"{NOWHERE}/a.png")
    assert done.status == 1 and "Bicycles" in done.out
    assert done.err.splitlines()[-1] == f"Error: {NOWHERE}/a.png was not written: no such file or folder"
    full = jepa(*watch, "--srt", "/dev/full")
    assert (full.status, full.out) == (2, "")  # what is printed is in the file
    assert full.err.splitlines()[-1] == "Error: /dev/full: No space left on device"


@pytest.mark.parametrize("ending", ["csv", "jsonl", "parquet"])
def test_an_export_is_written_whole_or_not_at_all(
    jepa: Jepa, library: Path, tmp_path: Path, ending: str
) -> None:
    table, vectors = tmp_path / f"clips.{ending}", tmp_path / "clips.npy"
    for file in (table, vectors):
        file.write_text("of an earlier run")
    for limit, more in ((300, ()), (2_500, ("--embeddings", vectors))):  # the table does not fit, the vectors
        with nearly_full_disk(limit):
            done = jepa("export", table, *more, "--index", library)
        assert (done.status, done.out) == (2, "")
        assert done.err.startswith(f"Error: {tmp_path}/clips.") and ".jepa-export" not in done.err
        assert {file.read_text() for file in (table, vectors)} == {"of an earlier run"}
        assert sorted(tmp_path.iterdir()) == sorted([table, vectors])
    assert jepa("export", table, "--embeddings", vectors, "--index", library).status == 0
    assert vectors.read_bytes().startswith(b"\x93NUMPY")
