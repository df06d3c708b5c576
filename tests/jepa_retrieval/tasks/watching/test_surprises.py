"""Which scores of a scene become alerts: one for each surprise, none for cuts, flashes and single odd windows."""

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.models.runtime.scene import PairScore
from jepa_retrieval.tasks.watching.surprises import SurpriseGate, SurpriseOptions
from jepa_retrieval.tasks.watching.watch import Watcher, WatchOptions
from tests.jepa_retrieval.tasks.colour_model import ColourDecoder, ColourModel

MIN_Z = 5.0


def starts(scores: list[float | None], gate: SurpriseGate | None = None) -> list[int]:
    """Where surprises begin; a score of None is a window in which the whole picture changes."""
    gate = gate or SurpriseGate(MIN_Z)
    found = []
    for number, z in enumerate(scores):
        score = PairScore(99.0, disturbed=True) if z is None else PairScore(z, disturbed=False)
        surprise = gate.push(number, number + 1, score)
        if surprise is not None:
            assert surprise.end == number + 1 and surprise.z >= MIN_Z
            found.append(round(surprise.start))
    return found


def test_a_surprise_is_reported_once_and_again_after_it_is_over() -> None:
    assert starts([0, 0, 9, 8, 7, 4, 8, 9, 0, 0, 6, 6, 0]) == [2, 10]


def test_a_single_odd_window_is_none() -> None:
    assert starts([0, 0, 9, 0, 0, 9, 0]) == []


def test_the_weaker_of_two_windows_is_the_surprise() -> None:
    gate = SurpriseGate(MIN_Z)
    found = [gate.push(n, n + 1, PairScore(z, disturbed=False)) for n, z in enumerate([0.0, 6.0, 12.0])]
    assert [one.z for one in found if one is not None] == [6.0]


def test_a_flash_is_none() -> None:
    assert starts([0, 0, None, 1, 0, 0, 0]) == []


def test_a_cut_to_another_scene_is_none_until_that_has_been_calm() -> None:
    other = [9.0, 7, 8, 2, 9, 9, 1, 8, 8]
    assert starts([0, 0, None, *other]) == []
    assert starts([0, 0, None, *other, *[0.0] * 25, 9, 9]) == [len(other) + 3 + 25]


def test_a_surprise_soon_after_a_cut_within_the_scene_is_found() -> None:
    assert starts([0, 0, None, 4, 0, 0, 0, 9, 9]) == [7]


def test_what_comes_after_a_gap_is_not_compared_with_what_was_before() -> None:
    gate = SurpriseGate(MIN_Z)
    assert starts([0, 9], gate) == []
    gate.gap()
    assert starts([9, 0, 0, 0], gate) == []


def test_what_goes_on_becomes_normal() -> None:
    gate = SurpriseGate(MIN_Z)
    high = PairScore(9.0, disturbed=False)
    normal = []
    for number in range(700):
        gate.push(number, number + 1, high)
        normal.append(gate.normal(high))
    assert not any(normal[:600]) and normal[-1]
    assert gate.normal(PairScore(1.0, disturbed=False)) and not gate.normal(PairScore(1.0, disturbed=True))


@pytest.mark.parametrize("options", [{"min_z": 0.0}, {"learn": 0.0}, {"learn": float("nan")}])
def test_impossible_options(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match="above 0"):
        SurpriseOptions(**options)


def test_a_model_without_feature_maps_is_named() -> None:
    source = StreamSource.parse("a.mp4")
    with pytest.raises(UsageError, match="colours has no early feature maps"):
        Watcher(source, ColourModel(), ColourDecoder(), WatchOptions(surprise=SurpriseOptions()))
