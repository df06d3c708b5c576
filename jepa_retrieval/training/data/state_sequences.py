"""Sequences of states to learn dynamics from: shots without a cut, at several time steps and horizons."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from jepa_retrieval.models.cuts import distances, find_cuts

MAX_SKIP = 8  # states ahead that are predicted at once
NEXT_SHARE = 0.4  # of the targets that are the next state; the others lie further ahead


class Shot(NamedTuple):
    """States between two cuts."""

    states: np.ndarray  # float32 [W, S]
    times: np.ndarray  # float64 [W], seconds


class Batch(NamedTuple):
    """B sequences of L states."""

    states: Tensor  # [B, L, S]
    gaps: Tensor  # seconds since the state before, [B, L]
    ahead: Tensor  # seconds to the target, [B, L]
    next_ahead: Tensor  # seconds to the next state, [B, L]
    targets: Tensor  # [B, L, S]
    valid: Tensor  # float [B, L]: 0 where there is no target
    place: Tensor  # int [B], 1 or more: where a predicted state is fed back


def shots_of(states: np.ndarray, times: np.ndarray, unrelated: float) -> list[Shot]:
    """Divide a video's states, float32 [W, S], at its cuts; shots of one state are left out."""
    cuts = find_cuts(states, unrelated=unrelated).starts
    bounds = [0, *cuts, len(states)]
    return [
        Shot(states[first:last], times[first:last])
        for first, last in itertools.pairwise(bounds)
        if last - first > 1
    ]


class SequenceSampler:
    """Draws batches of sequences from shots.

    Args:
        shots: without cuts.
        strides: a sequence takes every n-th state, or the means of n neighbours, for a random n of these.
        context: half the length L of a sequence.
        max_ahead: targets lie at most so many seconds ahead.
        shuffle: share of the sequences whose coordinates are permuted and mirrored, so that only how the states lie
            to each other can be learnt from them, not what they show.
    """

    def __init__(
        self,
        shots: Sequence[Shot],
        strides: Sequence[int],
        context: int,
        max_ahead: float,
        *,
        shuffle: float = 0.0,
    ) -> None:
        self.shots = list(shots)
        self._strides = tuple(strides)
        self._length = 2 * context
        self._max_ahead = max_ahead
        self._shuffle = shuffle
        lengths = np.array([len(shot.states) for shot in self.shots], np.float64)
        self._weights = lengths / lengths.sum() if len(lengths) else lengths

    def step(self) -> float:
        """The median time between neighbours, seconds."""
        gaps = [np.diff(shot.times) for shot in self.shots]
        return float(np.median(np.concatenate(gaps))) if gaps else 0.0

    def neighbour_distance(self) -> float:
        """The median distance between neighbours."""
        far = [distances(shot.states[1:], shot.states[:-1]) for shot in self.shots]
        return float(np.median(np.concatenate(far))) if far else 0.0

    def draw(self, count: int, random: np.random.Generator) -> Batch:
        """`count` sequences."""
        rows = random.choice(len(self.shots), count, p=self._weights)
        drawn = [self._sequence(self.shots[row], random) for row in rows]
        stacked = [torch.from_numpy(np.stack(column)) for column in zip(*drawn, strict=True)]
        return Batch(*stacked)

    def _sequence(self, shot: Shot, random: np.random.Generator) -> tuple[np.ndarray, ...]:
        states, times = self._strided(shot, random)
        if random.random() < self._shuffle:
            size = states.shape[1]
            signs = random.choice(np.array([-1.0, 1.0], np.float32), size)
            states = states[:, random.permutation(size)] * signs
        wanted = self._length + MAX_SKIP
        first = int(random.integers(max(1, len(states) - wanted + 1)))
        states, times = states[first : first + wanted], times[first : first + wanted]
        count = len(states)
        places = np.arange(self._length).clip(max=count - 1)
        skips = np.where(
            random.random(self._length) < NEXT_SHARE, 1, random.integers(1, MAX_SKIP + 1, self._length)
        )
        skips = np.minimum(skips, np.maximum(count - 1 - places, 1))
        # Targets too far ahead in time: the next state instead.
        aims = (places + skips).clip(max=count - 1)
        aims = np.where(times[aims] - times[places] > self._max_ahead, (places + 1).clip(max=count - 1), aims)
        valid = (np.arange(self._length) < count - 1) & (times[aims] - times[places] <= self._max_ahead)
        follows = (places + 1).clip(max=count - 1)
        place = int(random.integers(1, max(2, min(count - 1, self._length))))
        return (
            states[places].astype(np.float32),
            np.diff(times[places], prepend=times[0]).astype(np.float32),
            (times[aims] - times[places]).astype(np.float32),
            (times[follows] - times[places]).astype(np.float32),
            states[aims].astype(np.float32),
            valid.astype(np.float32),
            np.array(place, np.int64),
        )

    def _strided(self, shot: Shot, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        fitting = [stride for stride in self._strides if len(shot.states) >= 2 * stride]
        stride = int(random.choice(fitting)) if fitting else 1
        phase = int(random.integers(stride))
        states, times = shot.states[phase:], shot.times[phase:]
        count = len(states) // stride
        if stride == 1 or count < 2:
            return shot.states, shot.times
        if random.random() < 0.5:
            return states[::stride], times[::stride]
        return (
            states[: count * stride].reshape(count, stride, -1).mean(axis=1),
            times[: count * stride].reshape(count, stride).mean(axis=1),
        )
