"""Which window comes next? A small network that ranks windows, trained to tell the true future from the others.

It sees how far a candidate lies from the last windows, and how far these lie from each other: what follows is as far
from the present as the time in between lets expect, and farther from what is past. What the windows show it does not
see, so that it holds for any video.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from benchmarks.shared.future_states import Moment, VideoStates
from jepa_retrieval.models.cuts import distances

LAGS = (0, 1, 2, 3, 5, 8, 11)  # windows back
STEPS = 500
BATCH = 16  # moments
WIDTH = 64
LEARNING_RATE = 2e-3
_NEAR = 0.02  # added to distances before their logarithm is taken
_FITTED = 300  # moments that the features are standardised by


class FutureRanking(nn.Module):
    """Features of candidates, float [N, F], to logits [N]."""

    mean: torch.Tensor
    scale: torch.Tensor

    def __init__(self, mean: np.ndarray, scale: np.ndarray) -> None:
        super().__init__()
        self.register_buffer("mean", torch.from_numpy(mean))
        self.register_buffer("scale", torch.from_numpy(scale))
        self.layers = nn.Sequential(
            nn.Linear(len(mean), WIDTH),
            nn.GELU(),
            nn.Dropout(0.1),
            nn.Linear(WIDTH, WIDTH),
            nn.GELU(),
            nn.Linear(WIDTH, 1),
        )

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Logits."""
        logits: torch.Tensor = self.layers((features - self.mean) / self.scale)[..., 0]
        return logits

    @torch.no_grad()
    def scores(self, candidates: np.ndarray, video: VideoStates, present: int, seconds: float) -> np.ndarray:
        """The higher, the likelier to come `seconds` after the present; candidates float [N, S] to [N]."""
        found: np.ndarray = self(torch.from_numpy(features(candidates, video, present, seconds))).numpy()
        return found


def features(candidates: np.ndarray, video: VideoStates, present: int, seconds: float) -> np.ndarray:
    """How candidates [N, S] lie to the last windows of a video, float32 [N, F]."""
    rows = [max(present - lag, int(video.firsts[present])) for lag in LAGS]
    context = video.states[rows]
    recent = video.states[rows[-1] : present + 1]
    step = float(np.median(distances(recent[1:], recent[:-1]))) + _NEAR if len(recent) > 1 else 1.0
    to_context = distances(candidates[:, None], context[None])
    to_mean = distances(candidates, recent.mean(axis=0))[:, None]
    between = np.broadcast_to(distances(context, context[:1]), to_context.shape)
    far = np.concatenate([to_context, to_mean, between], axis=1)
    told = np.broadcast_to(np.log([step, seconds]), (len(candidates), 2))
    return np.concatenate([np.log(far + _NEAR), np.log(far / step + 0.1), told], axis=1).astype(np.float32)


def train_ranking(
    videos: Sequence[VideoStates], wanted: Sequence[tuple[float, Moment]], *, seed: int
) -> FutureRanking:
    """Learn from moments and their horizons: InfoNCE of the true future among all windows of its video.

    Args:
        videos: to learn from.
        wanted: the horizon in seconds, and the moment.
        seed: of the weights and the order.
    """
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)

    def shown(seconds: float, moment: Moment) -> np.ndarray:
        video = videos[moment.video]
        return features(video.states, video, moment.present, seconds)

    sample = np.concatenate([shown(*wanted[row]) for row in random.integers(len(wanted), size=_FITTED)])
    module = FutureRanking(sample.mean(axis=0), sample.std(axis=0) + 1e-3)
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.05)
    for _ in range(STEPS):
        chosen = [wanted[row] for row in random.integers(len(wanted), size=BATCH)]
        drawn = [shown(*one) for one in chosen]
        # All at once, padded: many small products would each wait for their threads.
        batch = np.zeros((BATCH, max(map(len, drawn)), len(module.mean)), np.float32)
        possible = np.zeros(batch.shape[:2], bool)
        for row, (one, (_, moment)) in enumerate(zip(drawn, chosen, strict=True)):
            batch[row, : len(one)] = one
            possible[row, : len(one)] = np.arange(len(one)) != moment.present  # the present is no candidate
        logits = module(torch.from_numpy(batch)).masked_fill(~torch.from_numpy(possible), -1e9)
        loss = functional.cross_entropy(logits, torch.tensor([moment.future for _, moment in chosen]))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
    return module.eval()
