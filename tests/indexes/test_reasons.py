"""Messages of other libraries in one line."""

import pytest

from indexes.reasons import first_line


@pytest.mark.parametrize(
    ("message", "line"),
    [
        ("\n  it is damaged \nat line 3", "it is damaged"),
        (
            "Validation error for field 'size':\n\n    must be a number\nmore",
            "Validation error for field 'size': must be a number",
        ),
        ("nothing follows:", "nothing follows:"),
        ("", "ValueError"),
    ],
)
def test_a_message_is_one_line_that_says_what_is_wrong(message: str, line: str) -> None:
    assert first_line(ValueError(message)) == line


def test_a_missing_key_is_called_missing() -> None:
    assert first_line(KeyError("step")) == "'step' is missing"
