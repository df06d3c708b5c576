"""What is printed: safe for terminals, readable for people, exact for programs."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cli import console
from jepa_retrieval.visible import visible

OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}
HOSTILE = "a\x1b[31m\u202eb\x9b\n\u2066c"
ESCAPED = r"a\x1b[31m\u202eb\x9b\n\u2066c"


@given(st.text())
def test_printable_text_is_one_line_without_control_characters(text: str) -> None:
    shown = visible(text)
    assert len(shown.splitlines()) <= 1
    assert not any(unicodedata.category(character) in {"Cc", "Cs", "Zl", "Zp"} for character in shown)
    assert not any(unicodedata.bidirectional(character) in OVERRIDES for character in shown)


@given(st.text(st.characters(categories=["L", "N", "P", "S"])))
def test_ordinary_names_are_printed_as_they_are(text: str) -> None:
    assert visible(text) == text


def test_escapes_are_visible() -> None:
    assert visible("a\nb\x1b[31m\x9b\u202e.mp4") == r"a\nb\x1b[31m\x9b\u202e.mp4"


@given(st.dictionaries(st.text(), st.text() | st.floats(allow_nan=False, allow_infinity=False) | st.none()))
def test_json_reads_back_and_holds_no_control_characters(document: dict[str, object]) -> None:
    text = console.json_text(document, one_line=True)
    assert json.loads(text) == document
    assert visible(text) == text


def test_every_way_to_print_escapes_control_characters(capsys: pytest.CaptureFixture[str]) -> None:
    console.result(HOSTILE)
    console.results([HOSTILE])
    console.row(HOSTILE, HOSTILE)
    console.result_csv([[HOSTILE, 1, "a,b"]])
    console.result_json({"a": HOSTILE}, one_line=True)
    console.note(HOSTILE)
    console.note_row(HOSTILE, 2)
    console.warning(HOSTILE)
    console.error(HOSTILE)
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        ESCAPED,
        ESCAPED,
        f"{ESCAPED}\t{ESCAPED}",
        f'{ESCAPED},1,"a,b"',
        r'{"a": "a\u001b[31m\u202eb\u009b\n\u2066c"}',
    ]
    assert printed.err.splitlines() == [ESCAPED, f"{ESCAPED}\t2", f"Warning: {ESCAPED}", f"Error: {ESCAPED}"]


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
