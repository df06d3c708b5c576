"""Subtitles that a video has already: files beside it, tracks in it."""

from fractions import Fraction
from pathlib import Path

import av
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.sound.languages import two_letters
from jepa_retrieval.media.sound.subtitle_text import parse
from jepa_retrieval.media.sound.subtitles import Cue, Subtitles, empty_sidecars, find_subtitles
from jepa_retrieval.media.video.video_file import VideoFile
from jepa_retrieval.media.workers.calls import call_in_worker
from tests.media_factory import make_video
from tests.spoken import with_tracks

SRT = """1
00:00:01,000 --> 00:00:02,500
<i>Hello</i> there,
General &amp; co.

2
00:00:03,000 --> 00:00:04,000 X1:0
{\\an8}Good – bye
"""
CUES = (Cue(1.0, 2.5, "Hello there, General & co."), Cue(3.0, 4.0, "Good – bye"))
VTT = "WEBVTT\n\nNOTE x\n\n1\n00:01.000 --> 00:02.500 align:start\n<v Ann>Hello</v> there\n"


@pytest.fixture
def film(tmp_path: Path) -> Path:
    return make_video(tmp_path / "film.mp4", seconds=1.0)


def found(path: Path) -> Subtitles | None:
    return find_subtitles(path, on_tick=lambda: None)


def test_a_video_without_subtitles_has_none(film: Path) -> None:
    film.with_name("another film.srt").write_text(SRT)
    film.with_name("film.txt").write_text(SRT)
    film.with_name("filmed.srt").write_text(SRT)  # "ed" is no language of film.mp4
    film.with_name("film.notes-on-it.srt").write_text(SRT)
    assert found(film) is None


def test_files_beside_a_video_are_read_the_plainest_name_first(film: Path) -> None:
    film.with_name("film.de.srt").write_text(SRT)
    assert found(film) == Subtitles("film.de.srt", "de", CUES)
    film.with_name("film.vtt").write_text(VTT)
    assert found(film) == Subtitles("film.vtt", None, (Cue(1.0, 2.5, "Hello there"),))
    film.with_name("film.SRT").write_text(SRT, encoding="utf-16")
    assert call_in_worker(find_subtitles, film) == Subtitles("film.SRT", None, CUES)


def test_a_file_beside_the_video_that_is_no_subtitles_is_an_error_that_names_it(film: Path) -> None:
    film.with_name("film.srt").write_bytes(bytes(range(256)) * 20)
    with pytest.raises(UnreadableMediaError, match=r"film\.srt"):
        found(film)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "film.srt is a folder"),
        *((b"\xff\xfe" + SRT.encode(), "film.srt has no cue"), (b"1\nHello\n", "film.srt has no cue")),
    ],
)
def test_the_reason_names_the_file_beside_the_video(film: Path, content: bytes | None, reason: str) -> None:
    if content is None:
        film.with_name("film.srt").mkdir()
    else:
        film.with_name("film.srt").write_bytes(content)
    with pytest.raises(UnreadableMediaError, match=rf"film\.mp4: its subtitles cannot be read: {reason}"):
        call_in_worker(find_subtitles, film)


def test_what_was_guessed_or_is_missing_is_told(film: Path) -> None:
    film.with_name("film.srt").write_text(SRT.replace("–", "é"), encoding="iso-8859-1")
    subtitles = found(film)
    assert subtitles is not None and subtitles.cues[1].text == "Good é bye"
    assert subtitles.guessed == "film.srt is not in Unicode and was read as Windows-1252"
    film.with_name("film.srt").write_text(f"00:00:x --> 00:00:01,000\nlost\n\n{SRT}")
    subtitles = found(film)
    assert subtitles is not None and subtitles.cues == CUES
    assert (
        subtitles.missing == "film.srt has 1 cue with times that cannot be used (line 1); the rest was read"
    )


def test_a_cue_that_ends_before_its_start_is_left_out_and_named_by_its_line(film: Path) -> None:
    backwards = "4\n00:00:09,000 --> 00:00:02,000\nlost\n"
    film.with_name("film.srt").write_text(f"{SRT}\n{backwards}")
    subtitles = found(film)
    assert subtitles is not None and subtitles.cues == CUES
    line = SRT.count("\n") + 3
    assert (
        subtitles.missing
        == f"film.srt has 1 cue with times that cannot be used (line {line}); the rest was read"
    )
    film.with_name("film.srt").write_text("\n".join([backwards] * 5))
    with pytest.raises(UnreadableMediaError) as caught:
        found(film)
    wanted = "film.srt has only 5 cues with times that cannot be used (lines 2, 6, 10, ...)"
    assert caught.value.reason == f"its subtitles cannot be read: {wanted}"


def test_empty_files_beside_a_video_are_passed_over(film: Path) -> None:
    film.with_name("film.srt").touch()
    film.with_name("film.vtt").touch()
    assert found(film) is None and empty_sidecars(film) == ["film.srt", "film.vtt"]
    film.with_name("film.de.srt").write_text(SRT)
    assert found(film) == Subtitles("film.de.srt", "de", CUES)


MALFORMED = [
    *(f"00:00:05,000 {arrow} 00:00:06,000" for arrow in ("->", "→", "–>", "=>", ">", "- ->", "--", "-", "")),
    *("00:00:05,000", "00:00:05,000 -->", "--> 00:00:06,000", "00:00:05.00,00:00:06.00", "00:05 -> 00:06"),
    *(
        "05,000 --> 06,000",
        "05,000 -> 06,000",
        "00 : 00 : 05,000 --> 00 : 00 : 06,000",
        "O0:00:05 --> 00:00:06",
    ),
]


@pytest.mark.parametrize("place", range(3))
@pytest.mark.parametrize("line", MALFORMED)
@pytest.mark.parametrize("form", ["srt", "vtt"])
def test_a_line_that_is_meant_to_have_times_is_not_taken_for_text(form: str, line: str, place: int) -> None:
    cues = [
        *(
            ("1", "00:00:01.000 --> 00:00:02.000", "Hello"),
            ("2", "00:00:03.000 --> 00:00:04.000", "Good bye"),
        ),
    ]
    cues.insert(place, ("7", line, "lost"))
    text = "\n\n".join("\n".join(cue) for cue in cues) + "\n"
    head = "WEBVTT\n\n" if form == "vtt" else ""
    read, unusable = parse(head + text)
    assert [cue.text for cue in read] == ["Hello", "Good bye"]
    assert unusable == (4 * place + 2 + head.count("\n"),)


@pytest.mark.parametrize(
    "said",
    ["12:30", "12:30 - 13:30", "a -> b", "7", "1:2 > 3", "It is 10:15:00", "-->", "3.5", "1\n2\n12:30"],
)
def test_what_is_said_may_look_like_times(said: str) -> None:
    text = f"1\n00:00:01,000 --> 00:00:02,000\nAt\n{said}\n\n2\n00:00:03,000 --> 00:00:04,000\nGood bye\n"
    read, unusable = parse(text)
    assert [cue.text for cue in read] == [f"At {said}".replace("\n", " "), "Good bye"] and not unusable


def test_identifiers_and_comments_of_webvtt_may_look_like_times() -> None:
    cue = "00:05.000 --> 00:06.000\nHello\n"
    text = f"WEBVTT\n\nNOTE\n00:01.000 to\n00:02.000\n\n00:05.000\n{cue}\n12:30\n{cue}"
    read, unusable = parse(text)
    assert [one.text for one in read] == ["Hello", "Hello"] and not unusable


def test_the_first_track_that_is_not_forced_is_read(tmp_path: Path) -> None:
    forced = "1\n00:00:01,000 --> 00:00:02,000\n[in French]\n"
    path = with_tracks(tmp_path / "a.mkv", ("forced", forced, "eng"), ("default", SRT, "ger"))
    subtitles = found(path)
    assert subtitles is not None
    assert (subtitles.source, subtitles.language) == ("subtitle track 2", "de")
    assert [cue.text for cue in subtitles.cues] == [cue.text for cue in CUES]
    assert [cue.start for cue in subtitles.cues] == pytest.approx([1.0, 3.0], abs=0.01)


@pytest.mark.parametrize(
    ("code", "language"),
    [
        *(("eng", "en"), ("DE", "de"), ("pt-BR", "pt"), ("zh_Hans", "zh"), ("nds", "nds")),
        *(("und", None), ("", None), ("notes-on-it", None), ("english", None)),
    ],
)
def test_codes_of_languages(code: str, language: str | None) -> None:
    assert two_letters(code) == language


def test_tracks_count_time_from_where_the_pictures_do(tmp_path: Path) -> None:
    srt = tmp_path / "words.track"
    srt.write_text("1\n00:00:05,000 --> 00:00:06,000\nHello\n")
    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as out, av.open(str(srt), format="srt") as source:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 64, 48, "yuv420p"
        words = out.add_stream_from_template(source.streams.subtitles[0])
        packets = []
        for number in range(40):
            frame = av.VideoFrame(64, 48, "yuv420p")
            frame.pts, frame.time_base = 30 + number, Fraction(1, 10)
            packets += video.encode(frame)
        for packet in [*packets, *video.encode(None), *source.demux()]:
            if packet.size:
                packet.stream = video if packet.stream.type == "video" else words
                out.mux(packet)
    with VideoFile(path) as file:
        origin = file.origin
    subtitles = found(path)
    assert subtitles is not None and origin == pytest.approx(3.0, abs=0.2)
    assert subtitles.cues[0].start == pytest.approx(5.0 - origin, abs=0.01)


def test_tracks_that_are_not_unicode_keep_their_lines(tmp_path: Path) -> None:
    path = with_tracks(tmp_path / "a.mkv", ("default", SRT.replace("Good", "Gotham"), None))
    path.write_bytes(path.read_bytes().replace("Gotham – bye".encode(), b"Gotham \xe9\xe8\xea bye"))
    subtitles = found(path)
    assert subtitles is not None and subtitles.cues[1].text == "Gotham éèê bye"
