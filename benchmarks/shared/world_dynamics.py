"""A network that learns how the cells of generated worlds move, and how large its error is where.

What moves is told from what stands still, the median of the last pictures. Each place of the next picture is
predicted as a weighted mean of what moves around that place now, so that motion is learnt apart from how things look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from benchmarks.shared.embedder import Progress

LAGS = (0, 1, 2, 3, 6, 7, 9)  # frames back that are seen
AHEAD = 2  # frames
# Rows and columns around a place from which something can come: now, or, behind a screen meanwhile, some frames ago.
NEAR = (0, 5, 5)  # row of `LAGS`, rows, columns
FAR = (4, 9, 15)
DILATIONS = (1, 2, 4, 1)
BATCH = 12
LEARNING_RATE = 3e-3
FIRST = 2  # frame from which on a prediction is learnt: before, nothing shows a speed
MAX_LOG = 4.0  # of a deviation
_FLOOR = 1e-4


@dataclass(frozen=True, slots=True, eq=False)
class WorldMaps:
    """Of the frames T that are predicted: squared errors and their predicted variances, float32 [T, G, G]."""

    error: np.ndarray
    expected: np.ndarray


class WorldDynamics(nn.Module):
    """Dimension letters: B moments, L lags, C channels, G x G cells."""

    scale: Tensor

    def __init__(self, channels: int, *, width: int = 48) -> None:
        super().__init__()
        self.register_buffer("scale", torch.ones(channels, 1, 1))  # of changes
        self.first = nn.Conv2d(channels * (len(LAGS) + 1) + 2, width, 3, padding=1)
        self.rest = nn.ModuleList(nn.Conv2d(width, width, 3, padding=far, dilation=far) for far in DILATIONS)
        count = NEAR[1] * NEAR[2] + FAR[1] * FAR[2]
        self.sources = nn.Conv2d(width, count + 1, 1)  # the last: nothing that moves
        self.free = nn.Conv2d(width, channels, 1)
        self.deviation = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1), nn.GELU(), nn.Conv2d(width, channels, 1)
        )
        for layer in (self.sources, self.free):
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, history: Tensor) -> tuple[Tensor, Tensor]:
        """Cells [B, L, C, G, G] to those to come, [B, C, G, G], and the log deviation of their error."""
        batch, _, _, height, width = history.shape
        still = history.median(dim=1).values
        down = torch.linspace(-1, 1, height)[:, None].expand(batch, 1, height, width)
        right = torch.linspace(-1, 1, width).expand(batch, 1, height, width)
        seen = torch.cat([(history - still[:, None]).flatten(1, 2), still, down, right], dim=1)
        hidden = functional.gelu(self.first(seen))
        for layer in self.rest:
            hidden = hidden + functional.gelu(layer(hidden))
        shares = torch.softmax(self.sources(hidden).float(), dim=1)[:, None, :-1]
        around = torch.cat(
            [_around(history[:, lag] - still, rows, columns) for lag, rows, columns in (NEAR, FAR)], 2
        )
        predicted = still + (around * shares).sum(dim=2) + self.free(hidden) * self.scale
        # The error's size is learnt without a say in what is predicted.
        return predicted, self.deviation(hidden.detach()).clamp(-MAX_LOG, MAX_LOG)


def _around(cells: Tensor, rows: int, columns: int) -> Tensor:
    """The neighbours of every place, [B, C, G, G] to [B, C, rows * columns, G, G]."""
    height, width = cells.shape[-2:]
    found = functional.unfold(cells, (rows, columns), padding=(rows // 2, columns // 2))
    return found.unflatten(1, (cells.shape[1], rows * columns)).unflatten(-1, (height, width))


def history_of(video: np.ndarray, frames: Sequence[int], *, begin: int = 0) -> Tensor:
    """The cells [T, G, G, C] at every lag of each frame, float32 [B, L, C, G, G]; none is before `begin`."""
    rows = np.maximum(np.asarray(frames)[:, None] - np.array(LAGS), begin)
    return torch.from_numpy(video[rows].astype(np.float32)).permute(0, 1, 4, 2, 3)


def train_world_dynamics(
    videos: np.ndarray, *, seed: int, steps: int, on_progress: Progress | None = None
) -> WorldDynamics:
    """Learn from possible worlds, float16 [V, T, G, G, C]."""
    torch.manual_seed(seed)
    random = np.random.default_rng(seed)
    module = WorldDynamics(videos.shape[-1])
    sample = videos[:: max(1, len(videos) // 60)].astype(np.float32)
    changes = (sample[:, AHEAD:] - sample[:, :-AHEAD]).std(axis=(0, 1, 2, 3))
    module.scale.copy_(torch.from_numpy(changes.clip(min=_FLOOR))[:, None, None])
    optimizer = torch.optim.AdamW(module.parameters(), LEARNING_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, total_steps=steps + 1)
    for step in range(1, steps + 1):
        rows = random.integers(len(videos), size=BATCH)
        frames = random.integers(FIRST, videos.shape[1] - AHEAD, BATCH)
        history = torch.cat([history_of(videos[row], [at]) for row, at in zip(rows, frames, strict=True)])
        came = as_cells(videos[rows, frames + AHEAD])
        if random.random() < 0.5:  # a world upside down is possible too
            history, came = history.flip(3), came.flip(2)
        with torch.autocast("cpu", torch.bfloat16):
            predicted, deviation = module(history)
            errors = (came - predicted) / module.scale
            misfit = 0.5 * (errors.detach() * torch.exp(-deviation)).square() + deviation
            loss = errors.square().mean() + 0.1 * misfit.mean()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(module.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if on_progress is not None:
            on_progress(f"train, seed {seed}", step, steps)
    return module.eval()


@torch.no_grad()
def world_maps(module: WorldDynamics, video: np.ndarray, frames: Sequence[int], *, begin: int) -> WorldMaps:
    """What was predicted from `frames` on, with nothing before `begin` in view, against what came."""
    predicted, deviation = module(history_of(video, frames, begin=begin))
    came = as_cells(video[np.asarray(frames) + AHEAD])
    error = ((came - predicted) / module.scale).square().mean(dim=1)
    return WorldMaps(error.numpy(), torch.exp(2 * deviation).mean(dim=1).numpy())


def as_cells(cells: np.ndarray) -> Tensor:
    """Cells [B, G, G, C] as float32 [B, C, G, G]."""
    return torch.from_numpy(cells.astype(np.float32)).permute(0, 3, 1, 2)
