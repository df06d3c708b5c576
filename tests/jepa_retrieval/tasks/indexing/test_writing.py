"""What is written in the files of an index: read once, kept after kill -9, found by search."""

import os
from pathlib import Path

import pytest

from indexes import Index
from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.models.writing import TextReader, open_text_reader
from jepa_retrieval.tasks.encoding.writing import lines_of_writing
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.killed_indexing import kill_indexing
from tests.signs import sign, sign_video

pytest.importorskip("rapidocr", reason="the extra 'ocr' is not installed")

HARBOUR = sign(("Harbour Coffee", (40, 30)), ("open until nine", (40, 110)))
STATION = sign(("Central Station", (40, 60)), background="darkred")


@pytest.fixture(scope="module")
def reader() -> TextReader:
    return open_text_reader()


@pytest.fixture(autouse=True)
def shared_reader(reader: TextReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jepa_retrieval.tasks.indexing.update.open_text_reader", lambda: reader)


@pytest.fixture
def library(colour_model: ColourModel, tmp_path: Path) -> Library:
    """Of an image and two videos; one of them shows two signs, the other none."""
    STATION.save(tmp_path / "photo.png")
    sign_video(tmp_path / "walk.mp4", [sign(), HARBOUR, HARBOUR, STATION])
    sign_video(tmp_path / "empty.mp4", [sign()])
    return Library.create(tmp_path)


def test_an_index_made_before_gets_writing_without_embedding_again(
    colour_model: ColourModel, library: Library, tmp_path: Path
) -> None:
    library.index()
    embedded = len(colour_model.batches)
    report = library.index(writing=True)
    assert (report.read, report.unread, report.indexed) == (3, [], 0)
    assert len(colour_model.batches) == embedded
    clips = library.records.clips_of("walk.mp4")
    stored = library.records.writing([clip.clip_id for clip in clips])
    lines = [line for writing in stored for line in lines_of_writing(writing)]
    # Two frames of a second are looked at.
    assert [(line.text, int(line.start), round(line.end)) for line in lines] == [
        ("Harbour Coffee", 2, 6),
        ("open until nine", 2, 6),
        ("Central Station", 6, 8),
    ]
    assert library.records.writing([library.records.clips_of("empty.mp4")[0].clip_id])[0].text == ""
    # A later run has nothing to do, and goes on with what comes.
    assert library.index().read == 0
    HARBOUR.save(tmp_path / "new.png")
    assert library.index().read == 1
    assert library.verify() == []


def test_search_says_what_is_written_and_when(library: Library) -> None:
    library.index(writing=True)
    (hit,) = library.search("harbour coffee", within=["written"]).hits
    assert (hit.path, hit.written, hit.found_by) == ("walk.mp4", "Harbour Coffee", ("written",))
    assert hit.start == pytest.approx(2, abs=0.5) and hit.end == pytest.approx(6, abs=0.5)
    (hit,) = library.search('"coffee open until"').hits  # over the lines of one picture
    assert hit.written == "Harbour Coffee / open until nine"
    assert library.search('"nine central"').hits == []
    found = library.search("station", within=["written"]).hits
    assert {hit.path: hit.start and int(hit.start) for hit in found} == {"photo.png": None, "walk.mp4": 6}
    both = library.search("green harbour", top=20).hits
    assert [hit.path for hit in both if hit.found_by == ("seen", "written")] == ["walk.mp4"]
    assert (
        library.search(
            "harbour", where="written like '%Station%' and kind = 'image'", within=["written"]
        ).hits
        == []
    )
    with pytest.raises(UsageError, match=r"no speech.*--speech"):
        library.search("a", within=["said", "written"])


def test_a_file_that_cannot_be_read_is_named_and_tried_again(library: Library, tmp_path: Path) -> None:
    library.index()
    good = (tmp_path / "walk.mp4").read_bytes()
    status = (tmp_path / "walk.mp4").stat()
    (tmp_path / "walk.mp4").write_bytes(
        b"\0" * len(good)
    )  # size and time as before: no new file for the scan
    os.utime(tmp_path / "walk.mp4", ns=(status.st_atime_ns, status.st_mtime_ns))
    report = library.index(writing=True)
    assert report.read == 2 and [failure.path for failure in report.unread] == ["walk.mp4"]
    (tmp_path / "walk.mp4").write_bytes(good)
    os.utime(tmp_path / "walk.mp4", ns=(status.st_atime_ns, status.st_mtime_ns))
    report = library.index()
    assert (report.read, report.unread) == (1, [])


def test_without_the_extra_nothing_is_indexed(library: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("jepa_retrieval.tasks.indexing.update.open_text_reader", open_text_reader)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"jepa-retrieval\[ocr\]"):
        library.index(writing=True)
    assert library.records.known_files() == {}


def test_a_killed_run_loses_no_file_that_was_finished(tmp_path: Path) -> None:
    for number in range(4):
        sign_video(tmp_path / f"{number}.mp4", [HARBOUR])
    library = Library.create(tmp_path)
    library.index()
    kill_indexing(tmp_path, "--writing", has_begun=lambda: Index.open(library.folder).keeps_writing)
    stored = Library.open(tmp_path)
    clips = stored.records.iter_clips(where="written is not null", columns=["path"])
    before = len({path for batch in clips for path in batch["path"].to_pylist()})
    assert stored.index(writing=True).read == 4 - before
    assert len({hit.path for hit in stored.search("harbour coffee", within=["written"]).hits}) == 4
    assert stored.verify() == []
