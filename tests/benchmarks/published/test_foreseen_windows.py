"""Anticipation without labels: moments, ways and the ranking on made states, and the data's layouts."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import unlabelled_videos
from benchmarks.datasets.files import DataSetError
from benchmarks.published import foreseen_windows
from benchmarks.shared import future_ways
from benchmarks.shared.future_states import Moment, VideoStates, moments
from jepa_retrieval.training import future_ranking
from tests.media_factory import make_video


def walk(seed: int, count: int = 30) -> VideoStates:
    """States that move on by one step along a line of their own, with little noise."""
    random = np.random.default_rng(seed)
    way = random.standard_normal(8)
    states = np.arange(count)[:, None] * 0.2 * way / np.linalg.norm(way) + random.normal(0, 0.01, (count, 8))
    return VideoStates(states.astype(np.float32), np.arange(count) / 2, np.zeros(count, int))


def test_moments_stay_in_their_shot() -> None:
    video = walk(0, 12)
    video.firsts[6:] = 6
    assert moments([video], 1.0) == [Moment(0, 3, 5), Moment(0, 9, 11)]
    assert moments([video], 0.3) == []  # no window lies so near
    assert moments([video], 9.0) == []


def test_ridge_learns_a_steady_motion(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(future_ways, "_by_dynamics", lambda dynamics, video, at, seconds: video.states[at])
    training, tests = [walk(seed) for seed in range(40)], [walk(seed) for seed in (50, 51)]
    learnt, asked = moments(training, 2.0), moments(tests, 2.0)
    found = future_ways.foresee(None, training, learnt, tests, asked, 2.0)  # type: ignore[arg-type]
    came = np.stack([tests[one.video].states[one.future] for one in asked])
    errors = {name: float(np.square(states - came).mean()) for name, states in found.items()}
    assert errors[future_ways.RIDGE] < 0.2 * errors[future_ways.COPY] < errors["mean so far"]
    assert next(iter(found)) == future_ways.COPY and "nearest neighbours" in found


def test_the_ranking_finds_the_window_at_its_distance(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(foreseen_windows, "STEPS", 80)
    monkeypatch.setattr(foreseen_windows, "SEEDS", 1)
    monkeypatch.setattr(future_ranking, "SKIPS", (2, 4))
    training, video = [walk(seed) for seed in range(10)], walk(60)
    (ranking,) = foreseen_windows._rankings(training)
    asked = moments([video], 2.0)
    found = foreseen_windows._by_ranking([video], asked, ranking, 2.0)
    copied = foreseen_windows._by_state(
        [video], asked, np.stack([video.states[one.present] for one in asked])
    )
    assert found.same.mean() > 0.8 and copied.same.mean() == 0.0
    assert found.errors is None and (found.coming >= found.same).all()


def test_figures_and_their_intervals() -> None:
    asked = [Moment(row // 5, row, row + 1) for row in range(20)]
    copy = foreseen_windows.Found(np.full(20, 2.0), np.zeros(20), np.zeros(20), np.zeros(20))
    half = np.arange(20) % 2 == 0
    better = foreseen_windows.Found(np.ones(20), half, half, half)
    figures = foreseen_windows._figures([better, copy], copy, asked)
    assert (figures["skill"], figures["skill from"], figures["skill to"]) == (50.0, 50.0, 50.0)
    assert (figures["recall"], figures["±"]) == (25.0, 25.0)
    assert figures["from"] <= figures["recall"] <= figures["to"]


def test_layouts(tmp_path: Path) -> None:
    names = ("train/a.mp4", "train/b/b.mp4", "test/c.mp4", "test/long_joined.mp4")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        make_video(tmp_path / name, seconds=0.4, fps=5)
    data = unlabelled_videos.load(tmp_path)
    assert [path.name for path in data.training] == ["a.mp4", "b.mp4"]
    assert [path.name for path in data.tests] == ["c.mp4"] and data.limited(1) == data
    with pytest.raises(DataSetError, match="there are no videos"):
        unlabelled_videos.load(tmp_path / "test")
