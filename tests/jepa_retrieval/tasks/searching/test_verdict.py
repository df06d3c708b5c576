"""What the moments of a search are worth."""

import pytest

from jepa_retrieval.tasks.searching.search import Moment, SearchResult
from jepa_retrieval.tasks.searching.verdict import verdict_of

DOUBT = "Probably not in this library: the best moment has a confidence of {}."
LAST = "The last one has a confidence below 5%."


@pytest.mark.parametrize(
    ("confidences", "likely", "doubt", "rest"),
    [
        ([], 0, None, None),
        ([0.9, 0.2, 0.05], 3, None, None),
        ([None, None], 2, None, None),
        ([0.9, None, 0.01], 3, None, None),
        ([0.9, 0.2, 0.049], 2, None, LAST),
        ([0.75, 0.01, 0.06, 0.02, 0.0], 3, None, "The last 2 of 5 have a confidence below 5%."),
        ([0.2, 0.35], 2, None, None),
        ([0.03, 0.01], 0, DOUBT.format("3%"), None),
        ([0.1, 0.02, 0.01], 1, DOUBT.format("10%"), "The last 2 of 3 have a confidence below 5%."),
    ],
)
def test_unlikely_moments_are_told(
    confidences: list[float | None], likely: int, doubt: str | None, rest: str | None
) -> None:
    verdict = verdict_of(confidences)
    assert (verdict.likely, verdict.doubt, verdict.rest) == (likely, doubt, rest)


def test_a_result_tells_what_its_hits_are_worth_in_notebooks_too() -> None:
    hits = [
        Moment(rank, 0.2, confidence, f"{rank}.png", "image", None, None, rank)
        for rank, confidence in enumerate((0.3, 0.01), start=1)
    ]
    found = SearchResult("a submarine", "nano", 1.0, hits)
    assert found.notes() == [DOUBT.format("30%"), LAST]
    assert f"<p>{DOUBT.format('30%')}</p>" in found._repr_html_()
