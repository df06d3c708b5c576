"""What is normal in one scene, learnt while its stream runs.

Principal directions are fitted to the cells of the first windows. From then on a scene network (`modules.scene`)
takes training steps on pairs of pictures that are drawn from a reservoir, a uniform sample of all pairs so far, so
that memory stays the same however long the stream is. The surprise of later pairs is measured against the median and
the spread of normal ones, which are followed for as long as the stream runs.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass

import numpy as np
import torch

from jepa_retrieval.models.dynamics_files import Projection
from jepa_retrieval.models.modules.scene import SceneDynamics, of_picture
from jepa_retrieval.models.principal import principal_directions

CHANNELS = 16  # principal directions of a cell
MIN_STEPS = 600  # of training, however short learning is
MAX_STEPS_PER_PAIR = 8
RESERVOIR = 192  # pairs
MAX_SCORES = 7200  # of normal pairs that the spread is measured on: an hour at two windows per second
MIN_SCORES = 20
MIN_SHARE = 0.1  # of the median that the spread is at least: where all pairs are alike, little is no surprise
FITTED_PAIRS = 16  # that the principal directions are fitted to
BATCH = 4
LEARNING_RATE = 3e-3
DISTURBED = 5.0  # times the usual change of half of the cells: a change of most of the picture
FOLLOWED = 60  # normal pairs after which the median and the spread are measured anew


@dataclass(slots=True, eq=False)
class SceneKnowledge:
    """What is kept of a scene."""

    module: SceneDynamics
    projection: Projection
    scores: list[float]  # of normal pairs, the newest last
    learnt: int  # pairs that were learnt from
    usual_change: float = 0.0  # the median change of a picture's cells, exceeded by one normal pair in ten


@dataclass(frozen=True, slots=True)
class PairScore:
    """The surprise of a pair of pictures."""

    z: float  # robust z-score among normal pairs
    disturbed: bool  # most of the picture changed at once: a cut, a flash, a shaken camera


class SceneLearner:
    """Learns from pairs of pictures of one scene, then scores them.

    Args:
        pairs: how many to learn from before the first is scored.
        known: what was learnt of the scene before; None: nothing.
        seed: of the weights and of the order of training pairs.
    """

    def __init__(self, pairs: int, *, known: SceneKnowledge | None = None, seed: int = 0) -> None:
        self.pairs = max(pairs, FITTED_PAIRS + MIN_SCORES)  # that are learnt from
        self._random = np.random.default_rng(seed)
        self._seed = seed
        self._known = known
        self._first: list[np.ndarray] = []
        self._reservoir: list[np.ndarray] = []
        self._drawn_from = 0  # pairs that the reservoir is a sample of
        self._optimizer: torch.optim.Optimizer | None = None
        self._scores: deque[float] = deque(known.scores if known else (), maxlen=MAX_SCORES)
        self._changes: list[float] = []  # while learning: median changes of pictures' cells
        self._new_scores = 0
        self._median, self._spread = 0.0, 1.0
        self._measure()

    @property
    def ready(self) -> bool:
        """Whether learning is over."""
        return self._known is not None and self._known.learnt >= self.pairs

    @property
    def learnt(self) -> int:
        """Pairs that were taken to learn from, with those of earlier runs."""
        return len(self._first) if self._known is None else self._known.learnt

    @property
    def knowledge(self) -> SceneKnowledge | None:
        """What is worth keeping; None before the first training step."""
        if self._known is not None:
            self._known.scores = list(self._scores)
        return self._known

    def push(self, cells: np.ndarray) -> PairScore | None:
        """Take the next two pictures' cells, float32 [2, G, G, C]; None while learning."""
        if self._known is None:
            self._first.append(cells)
            if len(self._first) == FITTED_PAIRS:
                self._known = self._begin()
            return None
        pair = self._known.projection.states(cells)
        if self.ready:
            return self._score(pair)
        self._keep(pair)
        if 2 * self._known.learnt >= self.pairs:  # the network of the first half is no measure
            score, change = self._surprise(pair)
            self._scores.append(score)
            self._changes.append(change)
        self._train()
        self._known.learnt += 1
        if self.ready:
            self._measure()
            self._known.usual_change = float(np.quantile(self._changes, 0.9))
            self._changes.clear()
            self._reservoir.clear()
        return None

    def accept(self, score: PairScore) -> None:
        """Count a scored pair as normal: the median and the spread follow it."""
        self._scores.append(self._median + score.z * self._spread)
        self._new_scores += 1
        if self._new_scores >= FOLLOWED:
            self._measure()

    def _begin(self) -> SceneKnowledge:
        torch.manual_seed(self._seed)
        projection = principal(np.concatenate(self._first), CHANNELS)
        pairs = [projection.states(pair) for pair in self._first]
        for pair in pairs:
            self._keep(pair)
        self._first.clear()
        module = SceneDynamics(pairs[0].shape[-1])
        before, after = (_channels(np.stack([pair[side] for pair in pairs])) for side in (0, 1))
        module.measure_scales(before, after)
        return SceneKnowledge(module, projection, [], len(pairs))

    def _keep(self, pair: np.ndarray) -> None:
        """Reservoir sampling (Vitter 1985, algorithm R)."""
        kept = pair.astype(np.float16)
        self._drawn_from += 1
        if len(self._reservoir) < RESERVOIR:
            self._reservoir.append(kept)
        elif (row := int(self._random.integers(self._drawn_from))) < RESERVOIR:
            self._reservoir[row] = kept

    def _train(self) -> None:
        known = self._known
        assert known is not None
        module = known.module.train()
        if self._optimizer is None:
            self._optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.01)
        done = known.learnt / self.pairs
        rate = LEARNING_RATE * min(1.0, 10 * done) * 0.5 * (1 + math.cos(math.pi * done))
        for group in self._optimizer.param_groups:
            group["lr"] = max(rate, 1e-5)
        for _ in range(min(MAX_STEPS_PER_PAIR, math.ceil(MIN_STEPS / self.pairs))):
            rows = self._random.integers(len(self._reservoir), size=BATCH)
            drawn = np.stack([self._reservoir[row] for row in rows])
            with torch.autocast("cpu", torch.bfloat16):
                loss = module.loss(_channels(drawn[:, 0]), _channels(drawn[:, 1]))
            self._optimizer.zero_grad(set_to_none=True)
            loss.backward()
            torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
            self._optimizer.step()
        module.eval()

    def _surprise(self, pair: np.ndarray) -> tuple[float, float]:
        """The picture's surprise, and the median change of its cells, of which normal pairs have a mean of 1."""
        assert self._known is not None
        maps = self._known.module.maps(_channels(pair[:1]), _channels(pair[1:]))
        return float(of_picture(maps.surprise)[0]), float(maps.change.median())

    def _score(self, pair: np.ndarray) -> PairScore:
        assert self._known is not None
        score, change = self._surprise(pair)
        disturbed = change > max(1.0, DISTURBED * self._known.usual_change)
        return PairScore((score - self._median) / self._spread, disturbed)

    def _measure(self) -> None:
        self._new_scores = 0
        if len(self._scores) < MIN_SCORES:
            return
        scores = np.array(self._scores)
        self._median = float(np.median(scores))
        spread = 1.4826 * float(np.median(np.abs(scores - self._median)))
        self._spread = max(spread, MIN_SHARE * abs(self._median), 1e-6)


def principal(cells: np.ndarray, size: int) -> Projection:
    """Standardised cells, float [..., C], onto the directions in which they differ most."""
    sample = cells.reshape(-1, cells.shape[-1]).astype(np.float64)
    mean, scale = sample.mean(axis=0), np.maximum(sample.std(axis=0), 1e-3)
    standard = (sample - mean) / scale
    basis = principal_directions(standard, size)
    spread = max(float(np.sqrt(np.mean((standard @ basis) ** 2))), 1e-6)
    return Projection(
        mean.astype(np.float32), scale.astype(np.float32), np.ascontiguousarray(basis / spread, np.float32)
    )


def _channels(cells: np.ndarray) -> torch.Tensor:
    """Cells [B, G, G, C] as float32 [B, C, G, G]."""
    return torch.from_numpy(np.ascontiguousarray(cells, np.float32)).permute(0, 3, 1, 2)
