"""SMPTE timecode, against its published values and against opentimelineio's."""

from fractions import Fraction

import opentimelineio as otio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.export.timecode import drops_frames, frames_of, timecode

NTSC = Fraction(30_000, 1001)
DAY = 24 * 3600

RATES = [
    Fraction(24_000, 1001),
    Fraction(24),
    Fraction(25),
    NTSC,
    Fraction(30),
    Fraction(50),
    NTSC * 2,
    Fraction(60),
]


@pytest.mark.parametrize(
    ("frame", "text"),
    [
        (1799, "00:00:59;29"),
        (1800, "00:01:00;02"),
        (3597, "00:01:59;29"),
        (3598, "00:02:00;02"),
        (17_981, "00:09:59;29"),
        (17_982, "00:10:00;00"),
        (107_892, "01:00:00;00"),
    ],
)
def test_two_numbers_a_minute_are_left_out_but_in_each_tenth(frame: int, text: str) -> None:
    assert timecode(frame, NTSC, drop=True) == text


def test_at_59_94_it_is_four() -> None:
    assert timecode(3599, NTSC * 2, drop=True) == "00:00:59;59"
    assert timecode(3600, NTSC * 2, drop=True) == "00:01:00;04"


@given(st.sampled_from(RATES), st.integers(0, DAY * 20))
def test_it_agrees_with_opentimelineio_and_leads_back(rate: Fraction, frame: int) -> None:
    for drop in {drops_frames(rate), False}:
        text = timecode(frame, rate, drop=drop)
        assert text == otio.opentime.to_timecode(
            otio.opentime.RationalTime(frame, float(rate)), float(rate), drop
        )
        assert frames_of(text, rate) == frame


def test_drop_frame_stays_with_the_clock() -> None:
    frame = round(20 * 3600 * NTSC)
    assert timecode(frame, NTSC, drop=True).startswith("20:00:00")
    assert timecode(frame, NTSC, drop=False).startswith("19:58:48")


def test_what_is_none_is_refused() -> None:
    with pytest.raises(UsageError, match=r"only at 29\.97 and 59\.94"):
        timecode(1, Fraction(25), drop=True)
    with pytest.raises(UsageError, match="is not a timecode"):
        frames_of("1:2:3", NTSC)
