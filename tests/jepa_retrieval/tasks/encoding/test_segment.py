import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.encoding.segment import segment


def make_stream(lengths: list[int], *, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """A stream of scenes: `lengths[i]` windows near the i-th of a set of orthogonal directions."""
    random = np.random.default_rng(seed)
    scenes = np.eye(len(lengths), 32)
    stream = np.repeat(scenes, lengths, axis=0) + noise * random.standard_normal((sum(lengths), 32))
    return (stream / np.linalg.norm(stream, axis=1, keepdims=True)).astype(np.float32)


def lengths_of(runs: list[slice]) -> list[int]:
    return [run.stop - run.start for run in runs]


@settings(max_examples=25)
@given(st.lists(st.integers(1, 12), min_size=1, max_size=8))
def test_scenes_are_found_at_their_borders(lengths: list[int]) -> None:
    assert lengths_of(segment(make_stream(lengths))) == lengths


@settings(max_examples=25)
@given(st.integers(1, 40), st.floats(0.05, 3.0), st.integers(0, 5))
def test_runs_cover_the_stream_without_gaps(windows: int, shift: float, seed: int) -> None:
    stream = np.random.default_rng(seed).standard_normal((windows, 8)).astype(np.float32)
    runs = segment(stream, shift=shift)
    assert [run.start for run in runs] == [0, *(run.stop for run in runs[:-1])]
    assert runs[-1].stop == windows


@pytest.mark.parametrize("count", [1, 2, 5, 20])
def test_count_gives_exactly_that_many(count: int) -> None:
    stream = np.random.default_rng(1).standard_normal((20, 8)).astype(np.float32)
    assert len(segment(stream, count=count)) == count


def test_a_larger_shift_gives_fewer_runs() -> None:
    stream = make_stream([4, 4, 4, 4], noise=0.2)
    counts = [len(segment(stream, shift=shift)) for shift in (0.1, 0.5, 1.0, 10.0)]
    assert counts == sorted(counts, reverse=True)
    assert counts[-1] == 1 < counts[0]


def test_a_scene_that_returns_is_a_run_of_its_own() -> None:
    stream = make_stream([5, 5])
    assert lengths_of(segment(np.concatenate([stream, stream[:5]]))) == [5, 5, 5]


def test_empty_stream_and_impossible_count() -> None:
    assert segment(np.zeros((0, 4), np.float32)) == []
    with pytest.raises(UsageError, match="between 1 and the 3 windows"):
        segment(np.ones((3, 4), np.float32), count=4)


@settings(max_examples=15)
@given(st.lists(st.integers(1, 6), min_size=2, max_size=6), st.sampled_from([2, 4]))
def test_a_shift_means_the_same_at_every_rate(lengths: list[int], times: int) -> None:
    stream = make_stream(lengths, noise=0.0)
    coarse = segment(stream, window_seconds=2.0)
    fine = segment(np.repeat(stream, times, axis=0), window_seconds=2.0 / times)
    assert [run.start * times for run in coarse] == [run.start for run in fine]
