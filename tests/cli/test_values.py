"""Times, ranges and sampling as users write them."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli.values import (
    parse_duration,
    parse_interval,
    parse_sampling,
    parse_size,
    parse_time,
    parse_weighted,
)
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_time


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("0", 0),
        ("90", 90),
        ("90.5", 90.5),
        (".5", 0.5),
        ("1:30", 90),
        ("1:02:03.5", 3723.5),
        (" 12 ", 12),
        ("75:00", 4500),
    ],
)
def test_times(text: str, seconds: float) -> None:
    assert parse_time(text) == seconds


@pytest.mark.parametrize("text", ["", "abc", "-3", "1:", ":30", "1:2:3:4", "1e3", "inf", "nan", "1:xx"])
def test_what_is_no_time_is_refused_with_the_forms_that_are(text: str) -> None:
    with pytest.raises(UsageError, match=r"1:02:03\.5"):
        parse_time(text)


@given(st.integers(min_value=0, max_value=10**6))
def test_a_formatted_time_reads_back_as_the_same_second(seconds: int) -> None:
    assert parse_time(format_time(seconds)) == seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a.mp4", (Path("a.mp4"), None, None)),
        ("a.mp4@10-20", (Path("a.mp4"), 10, 20)),
        ("a.mp4@1:20-1:35.5", (Path("a.mp4"), 80, 95.5)),
        ("a.mp4@10-", (Path("a.mp4"), 10, None)),
        ("a.mp4@-20", (Path("a.mp4"), None, 20)),
        ("me@home.mp4@1-2", (Path("me@home.mp4"), 1, 2)),
    ],
)
def test_clips(text: str, expected: tuple[Path, float | None, float | None]) -> None:
    assert parse_interval(text) == expected


def test_a_file_with_an_at_sign_in_its_name_is_that_file(tmp_path: Path) -> None:
    file = tmp_path / "a@1-2.mp4"
    file.touch()
    assert parse_interval(str(file)) == (file, None, None)


@pytest.mark.parametrize("text", ["a.mp4@", "a.mp4@-", "a.mp4@5", "a.mp4@20-10", "a.mp4@5-5", "a.mp4@x-y"])
def test_clips_without_a_sensible_range_are_refused(text: str) -> None:
    with pytest.raises(UsageError):
        parse_interval(text)


@pytest.mark.parametrize(
    ("text", "value"), [("auto", "auto"), ("keyframes", "keyframes"), ("2", 2.0), ("0.5", 0.5)]
)
def test_sampling(text: str, value: str | float) -> None:
    assert parse_sampling(text) == value


@pytest.mark.parametrize("text", ["", "dense", "0", "-1", "nan", "inf", "2fps", "AUTO"])
def test_other_samplings_are_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(UsageError, match="auto, keyframes or a number of frames per second"):
        parse_sampling(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("dog", (1.0, "dog")),
        ("2:dog", (2.0, "dog")),
        (".5: a dog", (0.5, "a dog")),
        ("1:30 pm", (1.0, "30 pm")),
        ("dog: a puppy", (1.0, "dog: a puppy")),
        ("1e2:dog", (100.0, "dog")),
        ("note:cat", (1.0, "note:cat")),
        ("nancy:cat", (1.0, "nancy:cat")),
        ("info: cat", (1.0, "info: cat")),
    ],
)
def test_weights(text: str, expected: tuple[float, str]) -> None:
    assert parse_weighted(text) == expected


@pytest.mark.parametrize("weight", ["nan", "NaN", "-nan", "inf", "-inf", "Infinity", "1e999", "1e4", "0e3"])
def test_a_weight_that_is_not_finite_or_too_large_is_refused(weight: str) -> None:
    with pytest.raises(UsageError, match="above 0 and at most 1000"):
        parse_weighted(f"{weight}:cat")


def test_a_duration_is_above_0_and_its_errors_name_the_option() -> None:
    assert parse_duration("1:30", "--for") == 90
    for text in ("0", "0:00", "nan", "soon"):
        with pytest.raises(UsageError, match=rf"^--for.*'{text}'"):
            parse_duration(text, "--for")


def test_a_weight_of_nothing_is_refused() -> None:
    with pytest.raises(UsageError, match="above 0"):
        parse_weighted("0:dog")
    with pytest.raises(UsageError, match="--minus"):
        parse_weighted("-1:dog")


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4GB", 4e9),
        ("512 MB", 512e6),
        ("1.5g", 1.5e9),
        ("4000000", 4e6),
        ("2kB", 2000),
        ("2GiB", 2 * 1024**3),
    ],
)
def test_sizes(text: str, size: float) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "0", "GB", "-1GB", "4 apples", "1:30", "nan"])
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(UsageError, match="is not a size"):
        parse_size(text)
