"""Which share of what was learnt is tested."""

import pytest

pytest.importorskip("torch")

from benchmarks.studies.word_order import HEADINGS, share_to_test


def row(share: str, flickr: str, web: str) -> list[str]:
    places = {"share": share, "Flickr8k dev R@1": flickr, "web dev R@1": web}
    return [places.get(heading, "0.0") for heading in HEADINGS]


@pytest.mark.parametrize(
    ("half", "all_of_it", "wanted"),
    [
        (("30.0", "25.0"), ("29.8", "24.6"), 1.0),
        (("30.0", "25.0"), ("31.0", "24.5"), 0.5),  # half a point on one set is too much
        (("29.0", "25.0"), ("28.0", "25.0"), 0.5),  # none is cheap: the one that costs least
    ],
)
def test_the_largest_share_that_costs_less_than_half_a_point_is_tested(
    half: tuple[str, str], all_of_it: tuple[str, str], wanted: float
) -> None:
    start = row("0", "30.0", "25.0")
    assert share_to_test(start, [row("0.5", *half), row("1", *all_of_it)]) == wanted
