"""The text of subtitles: encodings, times and markup as they come."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.media.sound.subtitle_text import Cue, decode, parse

SRT = "1\n00:00:01,000 --> 00:00:02,500\nDès vu – été\n"


def texts(content: str) -> list[str]:
    return [cue.text for cue in parse(content)[0]]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_unicode_is_read_with_and_without_a_mark(encoding: str) -> None:
    decoded = decode(SRT.encode(encoding))
    assert (decoded.text, decoded.guessed, decoded.replaced) == (SRT, None, 0)


@pytest.mark.parametrize("encoding", ["iso-8859-1", "cp1252"])
def test_other_text_is_read_as_windows_1252_and_said_to_be(encoding: str) -> None:
    text = SRT if encoding == "cp1252" else SRT.replace("–", "-")
    decoded = decode(text.encode(encoding))
    assert (decoded.text, decoded.guessed) == (text, "Windows-1252")


def test_damage_in_unicode_is_counted_and_the_rest_kept() -> None:
    decoded = decode(SRT.encode().replace("è".encode(), b"\xff"))
    assert decoded.text == SRT.replace("è", "\ufffd")
    assert (decoded.guessed, decoded.replaced) == (None, 1)
    assert decode(SRT.replace("vu", "v\0u").encode()).text == SRT


@given(st.binary(max_size=300))
def test_any_bytes_are_decoded_and_parsed(content: bytes) -> None:
    text = decode(content).text
    cues, unusable = parse(text)
    assert all("-->" in text.splitlines()[number - 1] for number in unusable)
    assert all(0 <= cue.start < cue.end for cue in cues)


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("00:00:01,500 --> 00:00:02,250", (1.5, 2.25)),
        ("00:00:01 --> 00:00:02", (1.0, 2.0)),
        ("0:01:01.5-->0:01:02.5  X1:40 Y1:20", (61.5, 62.5)),
        ("01:05.000 --> 01:06.000 align:start", (65.0, 66.0)),
        ("-00:00:01,000 --> 00:00:02,000", (0.0, 2.0)),
        ("00:00:05,000 --> 00:00:05,000", (5.0, 8.0)),
        ("00:59:59,500 --> 100:00:00,000", (3599.5, 360_000.0)),
    ],
)
@pytest.mark.parametrize("head", ["", "WEBVTT\n\n"])
def test_times_as_people_write_them(line: str, times: tuple[float, float], head: str) -> None:
    assert parse(f"{head}1\n{line}\nHello\n") == ((Cue(*times, "Hello"),), ())


def test_cues_whose_times_cannot_be_used_are_counted() -> None:
    broken = "00:00:xx,000 --> 00:00:02,000\nlost\n\n-00:00:09,000 --> -00:00:08,000\nearly\n\n"
    cues, unusable = parse(f"{broken}00:00:03,000 --> 00:00:04,000\nkept\n")
    assert ([cue.text for cue in cues], unusable) == (["kept"], (1, 4))


@pytest.mark.parametrize(
    "line",
    [
        "00:00:05,000 --> 00:00:04,999",
        "-00:00:05,000 --> -00:00:04,000",
        "00:00:00,000 --> 99:99:99,000",
        "00:00:00,000 --> 00:00:60,000",
        "00:60:00,000 --> 01:00:01,000",
        "00:75.000 --> 01:20.000",
    ],
)
@pytest.mark.parametrize("head", ["", "WEBVTT\n\n"])
def test_times_that_no_clock_shows_or_that_run_backwards_are_counted(line: str, head: str) -> None:
    good = "00:00:06,000 --> 00:00:07,000"
    cues, unusable = parse(f"{head}1\n{line}\nHello\n\n2\n{good}\nagain\n")
    assert (cues, unusable) == ((Cue(6.0, 7.0, "again"),), (4 if head else 2,))


@pytest.mark.parametrize(
    ("said", "text"),
    [
        (r"{\an8}Hello <i>there", "Hello there"),
        ("<v Ann>Fish &amp; <c.red>chips</c> <00:00:01.500>now", "Fish & chips now"),
        ("three < four and <b.loud more", "three < four and more"),
        ("Two {braces} <3 a <- b", "Two {braces} <3 a <- b"),
        ('<font color="#fff">white</font> <U>line</U>', "white line"),
        ("if a --> b", "if a --> b"),
        ("one\rtwo", "one two"),
    ],
)
@pytest.mark.parametrize("head", ["", "WEBVTT - film\n\nNOTE\nnothing\n\nSTYLE\n::cue {}\n\n"])
def test_markup_is_removed_and_text_is_kept(said: str, text: str, head: str) -> None:
    assert texts(f"{head}00:00:01.000 --> 00:00:02.000\n{said}\n") == [text]


def test_subrip_keeps_text_after_a_blank_line_and_needs_none_between_cues() -> None:
    loose = "1\n00:00:01,000 --> 00:00:02,000\nHello\n\nthere\n2\n00:00:03,000 --> 00:00:04,000\n1984\n"
    assert texts(loose) == ["Hello there", "1984"]
