"""A dynamics model that is ready to run. It is small, so NumPy computes it: nothing is compiled first."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from jepa_retrieval.models.dynamics_files import DynamicsHeader, Projection, read_projection, read_weights
from jepa_retrieval.models.runtime.future_ranking import NumpyRanking
from jepa_retrieval.models.runtime.numpy_dynamics import NumpyDynamics

BATCH = 64  # sequences in one call
MAX_STEP = 10.0  # seconds that are predicted at once; what lies further ahead is rolled out


@dataclass(frozen=True, slots=True, eq=False)
class Foreseen:
    """Predicted states."""

    states: np.ndarray  # float32 [W, S]
    expected: np.ndarray  # float32 [W], expected distance from what comes, median


class DynamicsModel:
    """Predicts states; its weights are read at the first use."""

    def __init__(self, header: DynamicsHeader) -> None:
        self.header = header
        self.calibration = header.calibration
        self.context = header.config.context

    @cached_property
    def projection(self) -> Projection:
        """Tokens to states."""
        return read_projection(self.header)

    @cached_property
    def _weights(self) -> dict[str, np.ndarray]:
        return read_weights(self.header)

    @cached_property
    def _network(self) -> NumpyDynamics:
        return NumpyDynamics(self.header.config, self._weights)

    @cached_property
    def ranking(self) -> NumpyRanking | None:
        """Ranks candidates for what comes; None if the file has none, as those of earlier versions."""
        if not self.header.config.ranking_width:
            return None
        start = "ranking."
        return NumpyRanking(
            {name[len(start) :]: value for name, value in self._weights.items() if name.startswith(start)}
        )

    def next_states(self, states: np.ndarray, times: np.ndarray) -> Foreseen:
        """What each state of a sequence but the first was predicted to be, from up to `context` states before it.

        Args:
            states: float32 [W, S], in order of time, without a cut in between.
            times: seconds, [W].

        Returns:
            W - 1 predictions: row i is for state i + 1.
        """
        count = len(states) - 1
        if count < 1:
            return Foreseen(np.zeros((0, states.shape[1]), np.float32), np.zeros(0, np.float32))
        gaps = np.diff(times, prepend=times[0]).astype(np.float32)
        ahead = np.diff(times).astype(np.float32)
        # Blocks that overlap: the first half of each is only context, but in the first block.
        length, half = min(2 * self.context, count), self.context
        firsts = list(range(0, max(1, count - half), half))
        blocks = np.stack([_padded(states[:-1], first, length) for first in firsts])
        predicted = self._run(
            blocks,
            np.stack([_padded(gaps[:-1], first, length) for first in firsts]),
            np.stack([_padded(ahead, first, length) for first in firsts]),
        )
        rows = [predicted[0, : min(length, count)]]
        for number, first in enumerate(firsts[1:], start=1):
            rows.append(predicted[number, half : min(length, count - first)])
        joined = np.concatenate(rows)
        return self._foreseen(joined, ahead)

    def ahead(self, states: np.ndarray, times: np.ndarray, seconds: float) -> tuple[np.ndarray, float]:
        """The state `seconds` after the last of a sequence, float32 [S], and its expected distance from what comes.

        A horizon beyond `MAX_STEP` is reached by a rollout: predictions are fed back. The expected distances of its
        steps add up as independent errors do.
        """
        sequence = states[-self.context :].astype(np.float32)
        clock = times[-self.context :].astype(np.float64)
        steps = max(1, int(np.ceil(seconds / MAX_STEP)))
        squared = 0.0
        for _ in range(steps):
            step = seconds / steps
            gaps = np.diff(clock, prepend=clock[0]).astype(np.float32)
            found = self._run(sequence[None], gaps[None], np.full((1, len(sequence)), step, np.float32))
            foreseen = self._foreseen(found[0, -1:], np.array([step], np.float32))
            squared += float(foreseen.expected[0]) ** 2
            sequence = np.concatenate([sequence, foreseen.states])[-self.context :]
            clock = np.append(clock, clock[-1] + step)[-self.context :]
        return sequence[-1], float(np.sqrt(squared))

    def _foreseen(self, rows: np.ndarray, ahead: np.ndarray) -> Foreseen:
        return Foreseen(rows[:, :-1], np.exp(rows[:, -1]) * self.calibration.median_ratios(ahead))

    def _run(self, states: np.ndarray, gaps: np.ndarray, ahead: np.ndarray) -> np.ndarray:
        parts = []
        for first in range(0, len(states), BATCH):
            chosen = slice(first, first + BATCH)
            inputs = (states[chosen], gaps[chosen], ahead[chosen])
            parts.append(self._network(*(np.asarray(value, np.float32) for value in inputs)))
        return np.concatenate(parts)


def _padded(rows: np.ndarray, first: int, length: int) -> np.ndarray:
    """`length` rows from `first` on; what is missing repeats the last, which earlier rows do not see."""
    part = rows[first : first + length]
    missing = length - len(part)
    return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
