"""Ways to foresee a state: by dynamics, and by what a dynamics model must be better than."""

from __future__ import annotations

from collections.abc import Sequence

import faiss
import numpy as np

from benchmarks.shared.future_states import SEEN, Moment, VideoStates
from jepa_retrieval.models.runtime.dynamics import DynamicsModel

RIDGE_PENALTIES = (100.0, 10.0, 1.0, 0.1, 0.01)
HELD_OUT = 8  # every such training video decides on the penalty
NEIGHBOURS = 5

COPY, DYNAMICS, RIDGE = "copy of the last", "dynamics", "ridge regression"


def foresee(
    dynamics: DynamicsModel,
    training: Sequence[VideoStates],
    learnt: Sequence[Moment],
    tests: Sequence[VideoStates],
    asked: Sequence[Moment],
    seconds: float,
) -> dict[str, np.ndarray]:
    """The foreseen states of every moment in `asked`, float32 [M, S], by way.

    Args:
        dynamics: foresees.
        training: videos that the other ways learn from.
        learnt: moments in them.
        tests: videos to foresee.
        asked: moments in them.
        seconds: the horizon.
    """
    last = np.stack([tests[one.video].states[one.present] for one in asked])
    found = {
        COPY: last,
        "mean so far": np.stack([_so_far(tests[one.video], one.present).mean(axis=0) for one in asked]),
        DYNAMICS: np.stack([_by_dynamics(dynamics, tests[one.video], one.present, seconds) for one in asked]),
    }
    seen, wanted = _seen(training, learnt), _changes(training, learnt)
    query = _seen(tests, asked)
    found[RIDGE] = last + _ridge(seen, wanted, np.array([one.video for one in learnt]), query)
    search = faiss.IndexFlatL2(seen.shape[1])
    search.add(seen)
    nearest = search.search(query, min(NEIGHBOURS, len(seen)))[1]
    found["nearest neighbours"] = last + wanted[nearest].mean(axis=1)
    return found


def _so_far(video: VideoStates, present: int) -> np.ndarray:
    states: np.ndarray = video.states[video.firsts[present] : present + 1]
    return states


def _by_dynamics(dynamics: DynamicsModel, video: VideoStates, present: int, seconds: float) -> np.ndarray:
    rows = slice(int(video.firsts[present]), present + 1)
    state, _ = dynamics.ahead(video.states[rows], video.times[rows], seconds)
    return state


def _seen(videos: Sequence[VideoStates], wanted: Sequence[Moment]) -> np.ndarray:
    """The last windows of every moment, the newest first, float32 [M, SEEN * S]."""
    rows = [
        videos[one.video].states[one.present - SEEN + 1 : one.present + 1][::-1].ravel() for one in wanted
    ]
    return np.ascontiguousarray(np.stack(rows), np.float32)


def _changes(videos: Sequence[VideoStates], wanted: Sequence[Moment]) -> np.ndarray:
    rows = [videos[one.video].states[one.future] - videos[one.video].states[one.present] for one in wanted]
    return np.stack(rows).astype(np.float32)


def _ridge(seen: np.ndarray, changes: np.ndarray, videos: np.ndarray, query: np.ndarray) -> np.ndarray:
    """Changes by ridge regression on the last windows; the penalty is chosen on held-out training videos."""
    held = videos % HELD_OUT == 0
    if held.all() or not held.any():
        held = np.arange(len(seen)) % HELD_OUT == 0
    errors = [
        np.square(_fit(seen[~held], changes[~held], penalty, seen[held]) - changes[held]).mean()
        for penalty in RIDGE_PENALTIES
    ]
    return _fit(seen, changes, RIDGE_PENALTIES[int(np.argmin(errors))], query)


def _fit(seen: np.ndarray, changes: np.ndarray, penalty: float, query: np.ndarray) -> np.ndarray:
    mean, spread = seen.mean(axis=0), max(float(seen.std()), 1e-6)
    inputs = ((seen - mean) / spread).astype(np.float64)
    centre = changes.mean(axis=0)
    gram = inputs.T @ inputs + penalty * len(inputs) * np.eye(inputs.shape[1])
    weights = np.linalg.solve(gram, inputs.T @ (changes - centre))
    found: np.ndarray = (((query - mean) / spread) @ weights + centre).astype(np.float32)
    return found
