"""A dynamics model that is ready to run. It is small, so NumPy computes it: nothing is compiled first."""

from __future__ import annotations

from collections.abc import Sequence
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
        return self.next_states_of([(states, times)])[0]

    def next_states_of(self, sequences: Sequence[tuple[np.ndarray, np.ndarray]]) -> list[Foreseen]:
        """`next_states` of many sequences, each its states and times, at once: that is faster than one by one."""
        blocks, counts = [], []
        for states, times in sequences:
            found = _blocks(states, times, self.context)
            blocks += found
            counts.append(len(found))
        if not blocks:
            return [_nothing(states) for states, _ in sequences]
        predicted = self._run(*(np.stack(column) for column in zip(*blocks, strict=True)))
        result, first = [], 0
        for (states, times), count in zip(sequences, counts, strict=True):
            rows = _joined(predicted[first : first + count], len(states) - 1, self.context)
            result.append(
                self._foreseen(rows, np.diff(times).astype(np.float32)) if count else _nothing(states)
            )
            first += count
        return result

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


def _nothing(states: np.ndarray) -> Foreseen:
    return Foreseen(np.zeros((0, states.shape[1]), np.float32), np.zeros(0, np.float32))


def _blocks(states: np.ndarray, times: np.ndarray, context: int) -> list[tuple[np.ndarray, ...]]:
    """A sequence as blocks that overlap: the first half of each is only context, but in the first block."""
    count = len(states) - 1
    if count < 1:
        return []
    gaps = np.diff(times, prepend=times[0]).astype(np.float32)
    ahead = np.diff(times).astype(np.float32)
    columns = (states[:-1], gaps[:-1], ahead)
    firsts = range(0, max(1, count - context), context)
    return [tuple(_padded(column, first, 2 * context) for column in columns) for first in firsts]


def _joined(blocks: np.ndarray, count: int, context: int) -> np.ndarray:
    """The predictions of blocks, [blocks, 2 * context, S + 1], for each of `count` states, [count, S + 1]."""
    rows = [blocks[number, context if number else 0 :] for number in range(len(blocks))]
    joined: np.ndarray = np.concatenate(rows)[:count] if rows else np.zeros((0, 1), np.float32)
    return joined


def _padded(rows: np.ndarray, first: int, length: int) -> np.ndarray:
    """`length` rows from `first` on; what is missing repeats the last, which earlier rows do not see."""
    part = rows[first : first + length]
    missing = length - len(part)
    return np.concatenate([part, np.repeat(part[-1:], missing, axis=0)]) if missing else part
