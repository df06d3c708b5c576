"""Train the ranking of windows: to distinguish the one that comes next from the others of its video, by InfoNCE."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch.nn import functional

from jepa_retrieval.models.config.dynamics import RANKING_LAGS
from jepa_retrieval.models.modules.future_ranking import FutureRanking
from jepa_retrieval.models.runtime.future_ranking import ranking_features

SKIPS = (1, 2, 4, 8, 12, 20)  # states ahead that are learnt
MIN_SEEN = 4  # states of a shot that are seen
MAX_CANDIDATES = 256  # of a long video, drawn anew each time
OTHERS = 32  # candidates from other videos
WIDTH = 64
BATCH = 16  # moments
LEARNING_RATE = 2e-3
_FITTED = 300  # moments that the features are standardised by
_MIN_SCALE = 1e-3


class RankedVideo(NamedTuple):
    """The states of one video."""

    states: np.ndarray  # float32 [W, S]
    times: np.ndarray  # float64 [W], seconds
    firsts: np.ndarray  # int [W], the first state of each one's shot


class _Pair(NamedTuple):
    video: int
    present: int
    future: int


def train_ranking(
    videos: Sequence[RankedVideo], *, steps: int, max_ahead: float, seed: int
) -> FutureRanking | None:
    """Learn from all moments of which a state of the same shot lies ahead; None if there are none.

    Args:
        videos: to learn from.
        steps: of training.
        max_ahead: futures lie at most so many seconds ahead.
        seed: of the weights and the order.
    """
    pairs = _pairs(videos, max_ahead)
    if not pairs:
        return None
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    pool = np.concatenate([video.states for video in videos])
    chosen = [pairs[row] for row in random.integers(len(pairs), size=_FITTED)]
    sample = np.concatenate([_shown(videos, pair, pool, random) for pair in chosen])
    scale = np.maximum(sample.std(axis=0), _MIN_SCALE)
    module = FutureRanking(torch.from_numpy(sample.mean(axis=0)), torch.from_numpy(scale), width=WIDTH)
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.05)
    for _ in range(steps):
        drawn = [_shown(videos, pairs[row], pool, random) for row in random.integers(len(pairs), size=BATCH)]
        # All at once, padded: many small products would each wait for their threads.
        batch = np.zeros((BATCH, max(map(len, drawn)), sample.shape[1]), np.float32)
        possible = np.zeros(batch.shape[:2], bool)
        for row, one in enumerate(drawn):
            batch[row, : len(one)], possible[row, : len(one)] = one, True
        logits = module(torch.from_numpy(batch)).masked_fill(~torch.from_numpy(possible), -1e9)
        loss = functional.cross_entropy(logits, torch.zeros(BATCH, dtype=torch.long))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return module.eval()


def _pairs(videos: Sequence[RankedVideo], max_ahead: float) -> list[_Pair]:
    found = []
    for row, video in enumerate(videos):
        for present in range(len(video.states)):
            if present - video.firsts[present] + 1 < MIN_SEEN:
                continue
            for future in (present + skip for skip in SKIPS):
                if future >= len(video.states) or video.firsts[future] != video.firsts[present]:
                    break
                if 0 < video.times[future] - video.times[present] <= max_ahead:
                    found.append(_Pair(row, present, future))
    return found


def _shown(
    videos: Sequence[RankedVideo], pair: _Pair, pool: np.ndarray, random: np.random.Generator
) -> np.ndarray:
    """Features of candidates, the true one first; the present is one of the others."""
    video = videos[pair.video]
    others = np.delete(np.arange(len(video.states)), pair.future)
    if len(others) > MAX_CANDIDATES:
        others = random.permutation(others)[:MAX_CANDIDATES]
    foreign = pool[random.integers(len(pool), size=OTHERS)]
    candidates = np.concatenate([video.states[[pair.future]], video.states[others], foreign])
    first = max(int(video.firsts[pair.present]), pair.present - RANKING_LAGS[-1])
    seconds = float(video.times[pair.future] - video.times[pair.present])
    return ranking_features(candidates, video.states[first : pair.present + 1], seconds)
