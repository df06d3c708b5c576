"""Files with sound only in an index: taken where speech is kept, whole with all that indexing does."""

from pathlib import Path

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.media.reasons import NOTHING_SEEN, ONLY_SOUND
from jepa_retrieval.media_set import open_media
from jepa_retrieval.report.export import ExportMoment, export_moments
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.media_factory import make_audio, make_video

pytest.importorskip("faster_whisper", reason="the extra 'speech' is not installed")

SRT = "1\n00:00:01,000 --> 00:00:02,000\nGood evening, everybody.\n"


@pytest.fixture
def library(colour_model: ColourModel, tmp_path: Path) -> Library:
    """Of a video, and sound with subtitles beside it, in one file by name and in another that looks like a video."""
    make_video(tmp_path / "film.mp4", seconds=2.0, fps=5.0)
    make_audio(tmp_path / "talk.mp3", seconds=130.0, cover=True)
    make_audio(tmp_path / "call.mp4", seconds=3.0)
    for name in ("film", "talk", "call"):
        (tmp_path / f"{name}.srt").write_text(SRT)
    return Library.create(tmp_path)


def test_sound_is_left_out_until_speech_is_wanted(library: Library, tmp_path: Path) -> None:
    report = library.index()
    assert (report.indexed, report.left_out["audio only"]) == (1, 1)
    assert [(one.path, one.error) for one in report.failed] == [("call.mp4", ONLY_SOUND)]
    dry = library.index(speech=True, dry_run=True)
    planned = dry.planned
    assert (dry.to_look_at, dry.left_out) == ({"speech": 3}, {})  # subtitles are not left out, but used
    assert planned is not None and set(planned.embed) == {"call.mp4", "talk.mp3"}
    report = library.index(speech=True)
    assert (report.indexed, report.spoken, report.failed, "audio only" in report.left_out) == (
        2,
        3,
        [],
        False,
    )
    files = library.records.known_files()
    assert [files[path].kind for path in ("film.mp4", "talk.mp3", "call.mp4")] == ["video", "audio", "audio"]
    talk = files["talk.mp3"]
    assert (talk.width, talk.height, talk.frame_rate, talk.codec, talk.state) == (
        None,
        None,
        None,
        "mp3",
        "ok",
    )
    clips = [(clip.start, clip.end) for clip in library.records.clips_of("talk.mp3")]
    assert clips[:2] == [(0.0, 30.0), (30.0, 60.0)] and clips[-1] == (120.0, pytest.approx(130.0, abs=0.2))
    assert (library.status().speech_missing, library.files_lacking("speech")) == (0, [])
    with pytest.raises(UsageError, match="has no writing"):
        library.files_lacking("writing")
    # Later runs keep it, also one that does not listen.
    report = library.index(speech=False)
    assert (report.unchanged, report.indexed, report.unselected, report.failed) == (3, 0, 0, [])
    make_audio(tmp_path / "new.mp3")
    assert library.index(speech=False).spoken == 0
    (lacking,) = library.files_lacking("speech")
    assert lacking.path == "new.mp3" and library.status().speech_missing == 1
    assert library.index(dry_run=True).to_look_at == {"speech": 1}
    assert library.verify() == []


def test_it_is_found_by_what_is_said_and_by_nothing_else(library: Library, tmp_path: Path) -> None:
    library.index(speech=True)
    hits = library.search('"good evening"', where="kind = 'audio'").hits
    assert {(hit.path, hit.kind, hit.found_by) for hit in hits} == {
        (path, "audio", ("said",)) for path in ("talk.mp3", "call.mp4")
    }
    assert all(0.9 < hit.start < 2.1 for hit in hits)
    # Nothing is seen in it, and its clips do not make a tiny index one that has confidences.
    both = {hit.path: hit.confidence for hit in library.search("good evening").hits}
    assert both == dict.fromkeys(("talk.mp3", "call.mp4", "film.mp4"), pytest.approx(0.95))
    assert [hit.path for hit in library.search("good evening", within=["seen"]).hits] == ["film.mp4"]
    assert library.thumbnail(hits[0].clip_id) is None
    assert {one.path for one in library.classify(["red"]).items} == {"film.mp4"}
    moments = [ExportMoment.of(hit) for hit in hits]
    report = export_moments(tmp_path / "out.zip", moments, library)
    assert (report.moments, report.left_out) == (2, ())


def test_questions_about_it_say_that_there_is_nothing_to_see(library: Library, tmp_path: Path) -> None:
    library.index(speech=True)
    with (
        pytest.raises(UsageError, match=r"talk\.mp3: has only sound, and nothing to see"),
        open_media(tmp_path / "talk.mp3", library=library),
    ):
        pass
    with open_media([tmp_path / "talk.mp3", tmp_path / "film.mp4"], library=library) as media:
        assert [(one.path, one.error) for one in media.failed] == [("talk.mp3", NOTHING_SEEN)]


def test_where_nothing_is_answered_for_lack_of_pictures_it_is_said(library: Library, tmp_path: Path) -> None:
    library.index(speech=True)
    ask = {"question": "Is it red?", "where": "kind = 'audio'"}
    for found in (
        library.ask(**ask),
        library.ask(**ask, search="red"),
        library.classify(["red", "blue"], where="kind = 'audio'"),
    ):
        assert not found.items and found.warnings[-1] == "2 files have only sound, and nothing to see"
    alone = library.ask("Is it red?", where="path = 'talk.mp3'")
    assert alone.warnings[-1] == "talk.mp3 has only sound, and nothing to see"
    for where in (None, "path = 'missing.mp4'"):
        assert not [text for text in library.ask("Is it red?", where=where).warnings if "sound" in text]
    folder = tmp_path / "songs"
    folder.mkdir()
    make_audio(folder / "song.mp3")
    with (
        pytest.raises(UsageError, match=r"no videos or pictures there, but one with sound only"),
        open_media(folder),
    ):
        pass


def test_what_failed_and_what_is_empty_is_not_promised(library: Library, tmp_path: Path) -> None:
    (tmp_path / "zero.wav").write_bytes(b"")
    (tmp_path / "bad.wav").write_bytes(bytes(5000))
    assert library.index(speech=True, dry_run=True).to_look_at == {"speech": 4}  # not the empty one
    library.index(speech=True)
    lacking = {one.path: one.error for one in library.files_lacking("speech")}
    assert lacking.keys() == {"bad.wav", "zero.wav"}
    assert lacking["zero.wav"] == "it could not be indexed: is empty"
    assert lacking["bad.wav"].startswith("it could not be indexed: is not sound that can be read")
    again = library.index(dry_run=True)
    assert (again.to_look_at, again.failed_before) == ({"speech": 0}, 2)


def test_moves_copies_and_removals_are_those_of_any_file(library: Library, tmp_path: Path) -> None:
    library.index(speech=True)
    (tmp_path / "talk.mp3").rename(tmp_path / "speech.mp3")
    report = library.index()
    assert (report.moved, report.indexed, report.removed) == (1, 0, 0)
    told = library.transcript("speech.mp3")
    assert told is not None and told.lines[0].text == "Good evening, everybody."
    (tmp_path / "copy.mp3").write_bytes((tmp_path / "speech.mp3").read_bytes())
    (tmp_path / "copy.srt").write_text(SRT)
    assert library.index().indexed == 1
    (group,) = library.duplicates().groups
    assert (group.kind, {file.path for file in group.files}) == ("copies", {"copy.mp3", "speech.mp3"})
    (tmp_path / "copy.mp3").unlink()
    assert library.index().removed == 1
