"""The note below a table of moments."""

import pytest

from cli.likelihood import notes_of_unlikely


@pytest.mark.parametrize(
    ("confidences", "notes"),
    [
        ([], []),
        ([0.9, 0.2, 0.05], []),
        ([0.9, None, 0.01], []),
        ([0.9, 0.2, 0.049], ["The last one has a confidence below 5%; --min-confidence 0.05 leaves it out."]),
        (
            [0.75, 0.01, 0.06, 0.02, 0.0],
            ["The last 2 of 5 have a confidence below 5%; --min-confidence 0.05 leaves them out."],
        ),
        ([0.03, 0.01], ["What you describe is probably not there: the best has a confidence of 3%."]),
        (
            [0.1, 0.02, 0.01],
            [
                "What you describe is probably not there: the best has a confidence of 10%.",
                "The last 2 of 3 have a confidence below 5%; --min-confidence 0.05 leaves them out.",
            ],
        ),
    ],
)
def test_unlikely_moments_are_reported(confidences: list[float | None], notes: list[str]) -> None:
    assert notes_of_unlikely(confidences) == notes
