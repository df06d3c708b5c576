"""Times as terminals, pages and subtitles show them."""

import pytest

from jepa_retrieval.times import format_exact_interval, format_interval, format_time, subtitle_time


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (0.0, 4.0, "0:00-0:04"),
        (0.0, 0.5, "0:00-0:01"),
        (59.9, 61.2, "0:59-1:02"),
        (3600.0, 3725.0, "1:00:00-1:02:05"),
    ],
)
def test_ranges(start: float, end: float, text: str) -> None:
    assert format_interval(start, end) == text


def test_an_image_has_no_range() -> None:
    assert format_interval(None, None) == "-"
    assert format_exact_interval(None, 2.0) == ""


@pytest.mark.parametrize(
    ("seconds", "whole", "tenths", "subtitle"),
    [
        (0.0, "0:00", "0:00.0", "00:00:00,000"),
        (59.96, "0:59", "1:00.0", "00:00:59,960"),
        (59.9999999, "1:00", "1:00.0", "00:01:00,000"),
        (3725.25, "1:02:05", "1:02:05.2", "01:02:05,250"),
        (360_000.0, "100:00:00", "100:00:00.0", "100:00:00,000"),
    ],
)
def test_one_time_in_every_form(seconds: float, whole: str, tenths: str, subtitle: str) -> None:
    assert format_time(seconds) == whole
    assert format_time(seconds, decimals=1) == tenths
    assert subtitle_time(seconds, point=",") == subtitle
