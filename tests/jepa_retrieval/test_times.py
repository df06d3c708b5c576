"""Times as terminals, pages and subtitles show them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.values import parse_time
from jepa_retrieval.times import format_interval, format_tenths, format_time, subtitle_time, time_ticks


@pytest.mark.parametrize(
    ("start", "end", "text"),
    [
        (0.0, 4.0, "0:00-0:04"),
        (0.0, 0.5, "0:00-0:00.5"),
        (59.9, 61.2, "0:59.9-1:01.2"),
        (4.0, 59.97, "0:04-1:00"),
        (4.0, 4.04, "0:04.000-0:04.040"),
        (0.25, 2.75, "0:00.3-0:02.8"),  # halves up, as in JavaScript
        (3600.0, 3725.0, "1:00:00-1:02:05"),
    ],
)
def test_ranges(start: float, end: float, text: str) -> None:
    assert format_interval(start, end) == text


@given(
    st.lists(st.integers(0, 10**7), min_size=3, max_size=3, unique=True).map(sorted),
    st.floats(0, 0.099),
)
def test_an_interval_ends_where_the_next_begins(tenths: list[int], rest: float) -> None:
    first, middle, last = (number / 10 + rest for number in tenths)
    begin, end = format_interval(first, middle).split("-")
    next_begin, next_end = format_interval(middle, last).split("-")
    assert end == next_begin
    shown = [parse_time(text) for text in (begin, end, next_end)]
    assert shown == sorted(set(shown))


@given(st.floats(0, 1e6), st.floats(0.05, 1e6))
def test_an_axis_has_round_times_that_differ(start: float, length: float) -> None:
    ticks = time_ticks(start, start + length)
    assert len(ticks) <= 9
    assert all(start - 1e-3 <= time <= start + length + 1e-3 for time, _ in ticks)
    assert len({text for _, text in ticks}) == len(ticks)


def test_an_image_has_no_range() -> None:
    assert format_interval(None, None) == "-"
    assert format_interval(None, 2.0, none="") == ""


@pytest.mark.parametrize(
    ("seconds", "whole", "tenths", "subtitle"),
    [
        (0.0, "0:00", "0:00.0", "00:00:00,000"),
        (59.96, "0:59", "1:00.0", "00:00:59,960"),
        (59.9999999, "1:00", "1:00.0", "00:01:00,000"),
        (3725.25, "1:02:05", "1:02:05.3", "01:02:05,250"),
        (360_000.0, "100:00:00", "100:00:00.0", "100:00:00,000"),
    ],
)
def test_one_time_in_every_form(seconds: float, whole: str, tenths: str, subtitle: str) -> None:
    assert format_time(seconds) == whole
    assert format_time(seconds, decimals=1) == tenths
    assert format_tenths(seconds) == tenths.removesuffix(".0")
    assert subtitle_time(seconds, point=",") == subtitle
