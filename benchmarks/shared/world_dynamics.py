"""A network that foresees how the cells of generated worlds move, and how large its error is where.

What moves is told from what stands still, the median of the last pictures. Each place of a picture to come is
foreseen as a weighted mean of what moves around that place now, or moved around it some frames ago and is behind a
screen meanwhile. So motion is learnt apart from how things look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.training.scene import as_channels

LAGS = (0, 1, 2, 3, 6, 7, 9)  # frames back that are seen
AHEAD = 2  # frames
STILL_FRAMES = 16  # whose median is what stands still
# Rows and columns around a place from which something can come: now, or, behind a screen meanwhile, some frames ago.
NEAR = (0, 5, 5)  # row of `LAGS`, rows, columns
FAR = (4, 9, 15)
DILATIONS = (1, 2, 4, 1)
MAX_LOG = 4.0  # of a deviation


@dataclass(frozen=True, slots=True, eq=False)
class WorldMaps:
    """Mean squares over channels for the frames T that are foreseen, float32 [T, G, G]; 1 is the usual change."""

    error: np.ndarray  # of what was foreseen
    still_error: np.ndarray  # of expecting what stands still, and nothing that moves
    foreseen: np.ndarray  # of what was foreseen to move
    expected: np.ndarray  # the error that was foreseen


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

    def forward(self, history: Tensor, still: Tensor) -> tuple[Tensor, Tensor]:
        """What will differ from what stands still, and the log deviation of its error, both [B, C, G, G].

        Args:
            history: cells [B, L, C, G, G].
            still: what stands still, [B, C, G, G].
        """
        batch, _, _, height, width = history.shape
        down = torch.linspace(-1, 1, height)[:, None].expand(batch, 1, height, width)
        right = torch.linspace(-1, 1, width).expand(batch, 1, height, width)
        moving = (history - still[:, None]) / self.scale
        hidden = functional.gelu(self.first(torch.cat([moving.flatten(1, 2), still, down, right], dim=1)))
        for layer in self.rest:
            hidden = hidden + functional.gelu(layer(hidden))
        shares = torch.softmax(self.sources(hidden).float(), dim=1)[:, None, :-1]
        around = torch.cat(
            [_around(history[:, lag] - still, rows, columns) for lag, rows, columns in (NEAR, FAR)], 2
        )
        moved = (around * shares).sum(dim=2) + self.free(hidden) * self.scale
        # The error's size is learnt without a say in what is foreseen.
        return moved, self.deviation(hidden.detach()).clamp(-MAX_LOG, MAX_LOG)


def _around(cells: Tensor, rows: int, columns: int) -> Tensor:
    """The neighbours of every place, [B, C, G, G] to [B, C, rows * columns, G, G]."""
    height, width = cells.shape[-2:]
    found = functional.unfold(cells, (rows, columns), padding=(rows // 2, columns // 2))
    return found.unflatten(1, (cells.shape[1], rows * columns)).unflatten(-1, (height, width))


def history_of(video: np.ndarray, frames: Sequence[int], *, begin: int = 0) -> Tensor:
    """The cells [T, G, G, C] at every lag of each frame, float32 [B, L, C, G, G]; none is before `begin`."""
    rows = np.maximum(np.asarray(frames)[:, None] - np.array(LAGS), begin)
    return torch.from_numpy(video[rows].astype(np.float32)).permute(0, 1, 4, 2, 3)


def still_of(video: np.ndarray, frames: Sequence[int], *, begin: int = 0) -> Tensor:
    """What stands still as seen at each frame of [T, G, G, C], float32 [B, C, G, G]; nothing is before `begin`."""
    seen = [video[max(begin, frame + 1 - STILL_FRAMES) : frame + 1] for frame in frames]
    return as_channels(np.stack([np.median(pictures.astype(np.float32), axis=0) for pictures in seen]))


@torch.no_grad()
def world_maps(module: WorldDynamics, video: np.ndarray, frames: Sequence[int], *, begin: int) -> WorldMaps:
    """What was foreseen from `frames` on, with nothing before `begin` in view, against what came."""
    still = still_of(video, frames, begin=begin)
    moved, deviation = module(history_of(video, frames, begin=begin), still)
    came = as_channels(video[np.asarray(frames) + AHEAD]) - still

    def squared(cells: Tensor) -> np.ndarray:
        means: np.ndarray = (cells / module.scale).square().mean(dim=1).numpy()
        return means

    expected = torch.exp(2 * deviation).mean(dim=1).numpy()
    return WorldMaps(squared(came - moved), squared(came), squared(moved), expected)
