import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.watching.shifts import (
    OnlineSegmenter,
    ShiftDetector,
    ShiftOptions,
    StreamedWindow,
    StreamInterval,
)

RATE = 2.0
FREE = ShiftOptions(max_rate=None, max_silence=600)


def scenes(*lengths: int, noise: float = 0.02, seed: int = 0) -> np.ndarray:
    """Scenes of so many windows, each near a direction of its own."""
    random = np.random.default_rng(seed)
    stream = np.repeat(np.eye(len(lengths), 24), lengths, axis=0)
    stream = stream + noise * random.standard_normal(stream.shape)
    return (stream / np.linalg.norm(stream, axis=1, keepdims=True)).astype(np.float32)


def cut(stream: np.ndarray, options: ShiftOptions = FREE, rate: float = RATE) -> list[StreamInterval]:
    segmenter = OnlineSegmenter(rate, options)
    found = []
    for number, embedding in enumerate(stream):
        found += segmenter.push(StreamedWindow(number / rate, (number + 1) / rate, embedding))
    return found + segmenter.finish()


@settings(max_examples=25)
@given(st.lists(st.integers(8, 20), min_size=1, max_size=6))
def test_scenes_are_found_at_their_borders(lengths: list[int]) -> None:
    found = cut(scenes(*lengths))
    assert [segment.windows for segment in found] == lengths
    assert [segment.cause for segment in found] == ["shift"] * (len(lengths) - 1) + ["end"]


@settings(max_examples=25)
@given(st.integers(1, 80), st.integers(0, 5), st.sampled_from([0.05, 0.35, 2.0, None]))
def test_segments_cover_the_stream_in_order_whatever_the_budget(
    windows: int, seed: int, max_rate: float | None
) -> None:
    stream = np.random.default_rng(seed).standard_normal((windows, 8)).astype(np.float32)
    stream /= np.linalg.norm(stream, axis=1, keepdims=True)
    found = cut(stream, ShiftOptions(max_rate=max_rate, max_silence=10))
    edges = [0.0, *(segment.end for segment in found)]
    assert [segment.start for segment in found] == edges[:-1]
    assert edges[-1] == windows / RATE
    assert sum(segment.windows for segment in found) == windows


@settings(max_examples=25)
@given(st.sampled_from([0.05, 0.1, 0.35]), st.integers(0, 5))
def test_the_budget_holds_over_every_stretch_of_time(max_rate: float, seed: int) -> None:
    stream = np.random.default_rng(seed).standard_normal((400, 8)).astype(np.float32)
    stream /= np.linalg.norm(stream, axis=1, keepdims=True)
    segmenter = OnlineSegmenter(RATE, ShiftOptions(max_rate=max_rate, max_silence=5))
    decoded = []
    for number, embedding in enumerate(stream):
        window = StreamedWindow(number / RATE, (number + 1) / RATE, embedding)
        decoded += [window.end] * len(segmenter.push(window))
    for first, last in itertools.combinations(range(len(decoded)), 2):
        assert last - first <= max_rate * (decoded[last] - decoded[first]) + 3 + 1e-6


def test_a_tight_budget_keeps_the_strongest_shift() -> None:
    weak, strong = np.zeros((2, 8), np.float32)
    base = np.eye(8, dtype=np.float32)[0]
    weak[:2] = np.cos(1.2), np.sin(1.2)
    strong[3] = 1
    stream = np.repeat(np.stack([base, weak, strong]), 10, axis=0)
    assert [segment.windows for segment in cut(stream)] == [10, 10, 10]
    tight = ShiftOptions(max_rate=1 / 14, max_silence=600)
    segmenter = OnlineSegmenter(RATE, tight)
    segmenter._budget.spend()  # one decode was made just before
    found = []
    for number, embedding in enumerate(stream):
        found += segmenter.push(StreamedWindow(number / RATE, (number + 1) / RATE, embedding))
    assert [segment.windows for segment in found] == [20]


def test_silence_is_broken() -> None:
    found = cut(scenes(100), ShiftOptions(max_rate=None, max_silence=10))
    assert [(segment.windows, segment.cause) for segment in found] == [(20, "silence")] * 4 + [
        (20, "silence")
    ]


def test_a_flicker_at_the_threshold_is_one_shift() -> None:
    """Hysteresis: the variance has to fall below the threshold by a margin before the next shift counts."""
    detector = ShiftDetector(RATE, ShiftOptions(threshold=0.2, smooth=0.5, span=1.0))
    a, b = np.array([1.0, 0.0]), np.array([0.0, 1.0])
    found = [detector.push(embedding) for embedding in [a, a, a, b, a, b, a, b, b, b, b]]
    assert sum(border is not None for border in found) == 1


def test_a_gap_ends_a_segment_and_the_next_begins_anew() -> None:
    segmenter = OnlineSegmenter(RATE, FREE)
    stream = scenes(6, 6)
    for number in range(6):
        assert segmenter.push(StreamedWindow(number / 2, number / 2 + 0.5, stream[number])) == []
    (before,) = segmenter.gap()
    for number in range(6, 12):
        assert segmenter.push(StreamedWindow(number / 2 + 60, number / 2 + 60.5, stream[number])) == []
    (after,) = segmenter.finish()
    assert (before.start, before.end, before.cause) == (0.0, 3.0, "gap")
    assert (after.start, after.end, after.cause) == (63.0, 66.0, "end")


def test_average_and_midpoint_of_a_segment() -> None:
    a, b = np.eye(2, dtype=np.float32)
    segmenter = OnlineSegmenter(RATE, ShiftOptions(threshold=0.9, max_rate=None))
    for number, embedding in enumerate([a, b, b, a]):
        segmenter.push(StreamedWindow(number, number + 1.0, embedding, b"picture %d" % number))
    (segment,) = segmenter.finish()
    np.testing.assert_allclose(segment.average, [0.5**0.5, 0.5**0.5], atol=1e-6)
    np.testing.assert_allclose(segment.midpoint, b)
    assert segment.thumbnail == b"picture 2"


def test_nothing_in_nothing_out() -> None:
    assert OnlineSegmenter(RATE, FREE).finish() == []


def test_windows_held_are_bounded() -> None:
    """A camera before a still scene, for hours: the open segment never grows beyond the longest silence."""
    segmenter = OnlineSegmenter(RATE, ShiftOptions(max_rate=1 / 600, max_silence=600))
    embedding = np.eye(4, dtype=np.float32)[0]
    most = 0
    for number in range(10_000):
        segmenter.push(StreamedWindow(number / RATE, (number + 1) / RATE, embedding))
        most = max(most, len(segmenter._windows))
    assert most <= 600 * RATE


@pytest.mark.parametrize(
    "options",
    [
        {"threshold": 0.0},
        {"max_silence": 0.5},
        {"max_silence": 1e6},
        {"max_rate": 0.0},
        *(
            {name: value}
            for name in ("threshold", "smooth", "span", "max_silence")
            for value in (math.nan, math.inf)
        ),
        {"span": 10**400},
    ],
)
def test_impossible_options(options: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=f"{next(iter(options))} must be"):
        ShiftOptions(**options)
