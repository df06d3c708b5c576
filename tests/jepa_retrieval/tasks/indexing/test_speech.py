"""What is said in the videos of an index: real speech, real subtitles, and files that are damaged or killed over."""

from pathlib import Path

import pytest

from indexes import Index
from jepa_retrieval.errors import ModelError
from jepa_retrieval.library import Library
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.killed_indexing import kill_indexing
from tests.media_factory import BLUE, RED
from tests.spoken import make_spoken_video, needs_voice, say

pytest.importorskip("faster_whisper", reason="the extra 'speech' is not installed")

SRT = "1\n00:00:01,000 --> 00:00:02,000\nGood evening, everybody.\n"


@pytest.fixture
def library(colour_model: ColourModel, tmp_path: Path) -> Library:
    """Of a silent video and one with subtitles beside it."""
    make_spoken_video(tmp_path / "silent.mp4", None)
    make_spoken_video(tmp_path / "told.mp4", None)
    (tmp_path / "told.en.srt").write_text(SRT)
    return Library.create(tmp_path)


@needs_voice
def test_an_index_made_before_gets_speech_without_embedding_again(
    colour_model: ColourModel, library: Library, tmp_path: Path
) -> None:
    sound = say([(1.0, "The small dog barks."), (6.0, "The winter was very cold.")], tmp_path)
    make_spoken_video(tmp_path / "spoken.mkv", sound, colours=(RED, BLUE), codec="flac")
    library.index()
    embedded = len(colour_model.batches)
    report = library.index(speech=True)
    assert (report.spoken, report.unheard, report.indexed) == (3, [], 0)
    assert len(colour_model.batches) == embedded
    spoken = library.transcript("spoken.mkv")
    assert spoken is not None and (spoken.language, spoken.source) == ("en", "whisper:tiny.en")
    assert "dog" in spoken.lines[0].text and "cold" in spoken.lines[-1].text
    assert abs(spoken.lines[0].start - 1.0) < 1 and abs(spoken.lines[-1].start - 6.0) < 1
    hits = library.records.search_speech("cold", k=5)
    assert [hit.path for hit in hits] == ["spoken.mkv"] and hits[0].end > 6.0
    # A later run has nothing to do, and goes on with what comes.
    assert library.index().spoken == 0
    make_spoken_video(tmp_path / "new.mp4", None)
    assert library.index().spoken == 1
    assert library.verify() == []


def test_subtitles_are_taken_and_files_without_sound_say_nothing(library: Library, tmp_path: Path) -> None:
    library.index(speech=True)
    told = library.transcript(tmp_path / "told.mp4")
    assert told is not None and (told.language, told.source) == ("en", "told.en.srt")
    assert [(line.start, line.text) for line in told.lines] == [(1.0, "Good evening, everybody.")]
    silent = library.transcript("silent.mp4")
    assert silent is not None and (silent.lines, silent.language, silent.source) == ((), None, "no sound")
    assert library.transcript("nothing.mp4") is None


def test_a_file_is_not_taken_for_one_of_the_same_name_above_it(
    library: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library.index(speech=True)
    other = tmp_path / "other"
    other.mkdir()
    monkeypatch.chdir(other)
    assert library.transcript("told.mp4") is not None and library.words("told.mp4")  # as the index has it
    make_spoken_video(other / "told.mp4", None)  # not indexed
    assert library.transcript(Path("told.mp4")) is None and library.words(Path("told.mp4")) == []
    library.index()
    silent = library.transcript(Path("told.mp4"))
    assert silent is not None and silent.lines == () and library.words(Path("told.mp4")) == []


def test_subtitles_after_the_end_of_a_file_are_left_out_and_told(library: Library, tmp_path: Path) -> None:
    late = "2\n00:30:00,000 --> 00:30:02,000\nOf another film.\n"
    (tmp_path / "told.en.srt").write_text(f"{SRT}\n{late}")
    report = library.index(speech=True)
    (warning,) = report.warnings
    assert warning.path == "told.mp4" and warning.error.startswith(
        "1 line begins in its told.en.srt after the end"
    )
    told = library.transcript("told.mp4")
    assert told is not None and [line.text for line in told.lines] == ["Good evening, everybody."]


def test_subtitles_end_with_their_file(library: Library, tmp_path: Path) -> None:
    far = "1\n00:00:01,000 --> 90:00:00,000\nGood evening, everybody.\n"
    (tmp_path / "told.en.srt").write_text(far)
    report = library.index(speech=True)
    (warning,) = report.warnings
    assert warning.path == "told.mp4" and warning.error.startswith(
        "1 line ends in its told.en.srt after the end"
    )
    told = library.transcript("told.mp4")
    assert told is not None
    (line,) = told.lines
    (media,) = library.records.media(paths=["told.mp4"], columns=["duration"]).to_pylist()
    assert line.start == 1.0 and line.text == "Good evening, everybody."
    assert line.end == pytest.approx(media["duration"], abs=0.3)
    assert all(1.0 <= word.start < word.end <= media["duration"] + 1e-5 for word in line.words)
    assert all(hit.end <= media["duration"] + 1e-5 for hit in library.records.search_speech("evening", k=5))


def test_damaged_subtitles_are_named_and_tried_again(library: Library, tmp_path: Path) -> None:
    (tmp_path / "told.en.srt").write_bytes(bytes(range(256)) * 20)
    report = library.index(speech=True)
    assert report.spoken == 1
    assert [(one.path, "told.en.srt" in one.error) for one in report.unheard] == [("told.mp4", True)]
    assert library.transcript("told.mp4") is None
    (tmp_path / "told.en.srt").write_text(SRT)
    assert library.index().spoken == 1


def test_a_rebuilt_index_keeps_its_speech(library: Library) -> None:
    library.index(speech=True)
    library.index(rebuild=True)
    assert library.records.keeps_speech and library.transcript("told.mp4") is not None


def test_without_the_extra_the_error_says_what_to_install(
    library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"jepa-retrieval\[speech\]"):
        library.index(speech=True)
    assert library.records.known_files() == {}


@needs_voice
def test_a_killed_run_loses_no_file_that_was_finished(tmp_path: Path) -> None:
    sound = say([(0.5, "The small dog barks at the postman.")], tmp_path)
    for number in range(4):
        make_spoken_video(tmp_path / f"{number}.mp4", sound)
    library = Library.create(tmp_path)
    library.index()
    kill_indexing(tmp_path, "--speech", has_begun=lambda: Index.open(library.folder).keeps_speech)
    stored = Library.open(tmp_path)
    before = sum(stored.transcript(f"{number}.mp4") is not None for number in range(4))
    assert stored.index(speech=True).spoken == 4 - before
    assert len(stored.records.search_speech("dog", k=9)) == 4
    assert stored.verify() == []
