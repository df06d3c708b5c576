"""What is printed: safe for terminals, readable for people, exact for programs."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import console


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = console.printable(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in shown)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_names_are_printed_as_they_are(text: str) -> None:
    assert console.printable(text) == text


def test_escapes_are_visible() -> None:
    assert console.printable("a\nb\x1b[31m\x9b\u202e.mp4") == r"a\nb\x1b[31m\x9b\u202e.mp4"


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none()))
def test_json_reads_back_and_holds_no_control_characters(document: dict[str, object]) -> None:
    text = console.json_text(document, one_line=True)
    assert json.loads(text) == document
    assert len(text.splitlines()) <= 1


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 B"),
        (999, "999 B"),
        (1000, "1.0 kB"),
        (312_400, "312 kB"),
        (1_440_000_000, "1.4 GB"),
        (10**15, "1000 TB"),
    ],
)
def test_sizes(size: int, text: str) -> None:
    assert console.bytes_text(size) == text


def test_counts() -> None:
    assert [console.count(n, "file") for n in (0, 1, 12_000)] == ["0 files", "1 file", "12,000 files"]
