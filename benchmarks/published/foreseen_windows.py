"""Anticipation without labels: how near foreseen states come, and which window is taken for the one to come.

skill is 1 - e / e of copying the last state, in percent, e being mean squared distances. recall is that of the true
future window at rank 1: among all other windows of the video, among these and windows of other videos, and among
those of the video that are yet to come. Intervals are of 95%, by drawing test videos anew.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.datasets.shapes import FutureSet
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.future_states import Moment, VideoStates, moments, read_videos
from benchmarks.shared.future_ways import COPY, DYNAMICS, foresee
from jepa_retrieval.models.cuts import distances
from jepa_retrieval.models.runtime.dynamics import MAX_STEP
from jepa_retrieval.models.runtime.future_ranking import NumpyRanking
from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics
from jepa_retrieval.training.future_ranking import RankedVideo, train_ranking

HORIZONS = (1.0, 2.0, 4.0, 10.0)  # seconds
STEPS = 500  # of training a ranking
SEEDS = 3
OTHERS = 300  # windows of other videos that are candidates too
DRAWS = 1000  # of test videos, for the intervals
RANKING = "ranking of windows"  # that of the dynamics
ANEW = "ranking, trained anew"

Score = Callable[[np.ndarray, int], np.ndarray]  # of candidates, for a moment: the higher, the likelier


@dataclass(frozen=True, slots=True, eq=False)
class Found:
    """What a way found for M moments; float or bool [M]."""

    errors: np.ndarray | None  # squared distances; None for a way that foresees no state
    same: np.ndarray
    all: np.ndarray
    coming: np.ndarray


def evaluate_windows(data: FutureSet, embedder: Embedder) -> Outcome:
    """Skill and recall of every way, for each horizon."""
    dynamics = open_dynamics(embedder.model)
    training = read_videos(data.training, embedder, dynamics)
    tests = read_videos(data.tests, embedder, dynamics)
    learnt = {seconds: moments(training, seconds) for seconds in HORIZONS}
    rankings = _rankings(training)
    rows: dict[str, Figures] = {}
    counts = {"training videos": len(training), "test videos": len(tests)}
    for seconds in HORIZONS:
        asked = moments(tests, seconds)
        if not asked or not learnt[seconds]:
            continue
        counts[f"windows at {seconds:g} s"] = len(asked)
        states = foresee(dynamics, training, learnt[seconds], tests, asked, seconds)
        found = {name: [_by_state(tests, asked, foreseen)] for name, foreseen in states.items()}
        if dynamics.ranking is not None:
            found[RANKING] = [_by_ranking(tests, asked, dynamics.ranking, seconds)]
        if rankings:
            found[ANEW] = [_by_ranking(tests, asked, ranking, seconds) for ranking in rankings]
        for name, by_seed in found.items():
            rows[f"{seconds:g} s, {name}"] = _figures(by_seed, found[COPY][0], asked)
    key = f"2 s, {DYNAMICS}"
    notes = [
        f"{RANKING}: that of the dynamics, by which `jepa anticipate` puts moments in order.",
        f"{ANEW}: means of {SEEDS} seeds, ± half the difference of the highest and the lowest recall.",
        f"With other videos: {OTHERS} of their windows are candidates, too.",
        "from, to: 95% intervals of skill, and of recall among all other windows of the video.",
    ]
    value = float(rows[key]["skill"]) if key in rows else 0.0
    return Outcome(rows, f"skill, {key}", value, counts, notes)


def _rankings(videos: Sequence[VideoStates]) -> list[NumpyRanking]:
    """Rankings of several seeds."""
    shown = [RankedVideo(video.states, video.times, video.firsts) for video in videos]
    modules = [train_ranking(shown, steps=STEPS, max_ahead=MAX_STEP, seed=seed) for seed in range(SEEDS)]
    return [
        NumpyRanking({name: value.numpy() for name, value in module.state_dict().items()})
        for module in modules
        if module is not None
    ]


def _by_state(tests: Sequence[VideoStates], asked: Sequence[Moment], foreseen: np.ndarray) -> Found:
    came = np.stack([tests[one.video].states[one.future] for one in asked])
    found = _look(tests, asked, lambda candidates, row: -distances(candidates, foreseen[row]))
    return Found(np.square(distances(foreseen, came)), found.same, found.all, found.coming)


def _by_ranking(
    tests: Sequence[VideoStates], asked: Sequence[Moment], ranking: NumpyRanking, seconds: float
) -> Found:
    def score(candidates: np.ndarray, row: int) -> np.ndarray:
        video, present = tests[asked[row].video], asked[row].present
        return ranking(candidates, video.states[video.firsts[present] : present + 1], seconds)

    return _look(tests, asked, score)


def _look(tests: Sequence[VideoStates], asked: Sequence[Moment], score: Score) -> Found:
    """Which of the windows a way takes for the future one."""
    pool, owners = _others(tests)
    hits = np.zeros((3, len(asked)), bool)
    for row, one in enumerate(asked):
        video = tests[one.video]
        scores = score(video.states, row)
        scores[one.present] = -np.inf  # all other windows
        best = int(scores.argmax())
        others = score(pool[owners != one.video], row)
        hits[0, row] = best == one.future
        hits[1, row] = hits[0, row] and (not len(others) or others.max() < scores[best])
        hits[2, row] = one.present + 1 + int(scores[one.present + 1 :].argmax()) == one.future
    return Found(None, hits[0], hits[1], hits[2])


def _others(tests: Sequence[VideoStates]) -> tuple[np.ndarray, np.ndarray]:
    """Some windows of all videos, float32 [N, S], and whose they are."""
    states = np.concatenate([video.states for video in tests])
    owners = np.concatenate([np.full(len(video.states), row) for row, video in enumerate(tests)])
    chosen = np.random.default_rng(0).permutation(len(states))[:OTHERS]
    return states[chosen], owners[chosen]


def _figures(by_seed: Sequence[Found], copy: Found, asked: Sequence[Moment]) -> Figures:
    videos = np.array([one.video for one in asked])
    found = by_seed[0]
    figures: dict[str, float] = {}
    if found.errors is not None and copy.errors is not None:
        share = np.stack([found.errors, copy.errors])
        low, high = _interval(videos, share, lambda sums: 100 * (1 - sums[0] / sums[1]))
        skill = 100 * (1 - float(found.errors.sum() / copy.errors.sum()))
        figures = {"skill": skill, "skill from": low, "skill to": high}
    same = np.mean([one.same for one in by_seed], axis=0)
    low, high = _interval(videos, np.stack([same, np.ones(len(same))]), lambda sums: 100 * sums[0] / sums[1])
    figures |= {"recall": 100 * float(same.mean()), "from": low, "to": high}
    if len(by_seed) > 1:
        figures["±"] = 50 * float(np.ptp([one.same.mean() for one in by_seed]))
    figures["with other videos"] = 100 * float(np.mean([one.all.mean() for one in by_seed]))
    figures["to come"] = 100 * float(np.mean([one.coming.mean() for one in by_seed]))
    return figures


def _interval(
    videos: np.ndarray, values: np.ndarray, figure: Callable[[np.ndarray], np.ndarray]
) -> tuple[float, float]:
    """The 95% interval of a figure of sums over moments, float [K, M], when videos are drawn anew."""
    names = np.unique(videos)
    sums = np.stack([values[:, videos == name].sum(axis=1) for name in names], axis=1)
    drawn = np.random.default_rng(0).integers(len(names), size=(DRAWS, len(names)))
    low, high = np.quantile(figure(sums[:, drawn].sum(axis=2)), [0.025, 0.975])
    return float(low), float(high)
