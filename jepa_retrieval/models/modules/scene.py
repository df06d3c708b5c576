"""Scene dynamics: how the cells of one scene change, and how large an error of that prediction is usual where.

From the cells of the present alone the network predicts the change after a fixed lag, and the variance of its error.
The surprise of a place is how much the actual squared error, pooled over neighbours, exceeds the variance that was
predicted there: where people walk, errors are expected; where somebody cycles among them, they are larger than that.

Dimension letters: B pictures, C channels, G x G cells.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

POOLED = 5  # cells per side over which errors are pooled
TOP_CELLS = 30  # whose mean surprise is the picture's


class SceneMaps(NamedTuple):
    """Squared differences, pooled over neighbours, float [B, G, G]."""

    surprise: Tensor  # squared error - predicted variance
    error: Tensor  # squared error of the prediction
    change: Tensor  # squared change: the error of "nothing changes"


class SceneDynamics(nn.Module):
    """A small convolutional network over cells, their row and their column."""

    scale: Tensor
    change_scale: Tensor

    def __init__(self, channels: int, *, width: int = 48) -> None:
        super().__init__()
        self.channels = channels
        self.register_buffer("scale", torch.ones(channels, 1, 1))
        self.register_buffer("change_scale", torch.ones(channels, 1, 1))
        self.first = nn.Conv2d(channels + 2, width, 3, padding=1)
        self.rest = nn.ModuleList(nn.Conv2d(width, width, 3, padding=2, dilation=2) for _ in range(2))
        self.output = nn.Conv2d(width, 2 * channels, 1)
        for parameter in self.output.parameters():
            nn.init.zeros_(parameter)

    def forward(self, cells: Tensor) -> tuple[Tensor, Tensor]:
        """Cells [B, C, G, G] to their change, in units of `change_scale`, and the log deviation of its error."""
        batch, _, height, width = cells.shape
        rows = torch.linspace(-1, 1, height, device=cells.device)[:, None].expand(batch, 1, height, width)
        columns = torch.linspace(-1, 1, width, device=cells.device).expand(batch, 1, height, width)
        hidden = functional.gelu(self.first(torch.cat([cells / self.scale, rows, columns], dim=1)))
        for layer in self.rest:
            hidden = hidden + functional.gelu(layer(hidden))
        change, deviation = self.output(hidden).split(self.channels, dim=1)
        return change, deviation.clamp(-5.0, 4.0)

    def changes(self, before: Tensor, after: Tensor) -> Tensor:
        """What happened, in the unit of what is predicted: [B, C, G, G]."""
        return (after - before) / self.change_scale

    @torch.no_grad()
    def measure_scales(self, before: Tensor, after: Tensor) -> None:
        """Take the standard deviations of cells and of their changes, [B, C, G, G] each, per channel."""
        self.scale.copy_(before.std(dim=(0, 2, 3)).clamp(min=1e-4)[:, None, None])
        self.change_scale.copy_((after - before).std(dim=(0, 2, 3)).clamp(min=1e-4)[:, None, None])

    def loss(self, before: Tensor, after: Tensor) -> Tensor:
        """Negative log likelihood of the changes under independent normal distributions, without its constant."""
        change, deviation = self(before)
        errors = (self.changes(before, after) - change) * torch.exp(-deviation)
        return (0.5 * errors.square() + deviation).mean()

    @torch.no_grad()
    def maps(self, before: Tensor, after: Tensor) -> SceneMaps:
        """Where what came, cells [B, C, G, G], differs from what was foreseen."""
        change, deviation = self(before)
        happened = self.changes(before, after)
        error = (happened - change).square().mean(dim=1)
        expected = torch.exp(2 * deviation).mean(dim=1)
        pooled = [pool(one) for one in (error, expected, happened.square().mean(dim=1))]
        return SceneMaps(pooled[0] - pooled[1], pooled[0], pooled[2])


def pool(maps: Tensor) -> Tensor:
    """Means over `POOLED` x `POOLED` cells, [B, G, G]."""
    return functional.avg_pool2d(maps[:, None], POOLED, 1, POOLED // 2)[:, 0]


def of_picture(maps: Tensor, *, top: int = TOP_CELLS) -> Tensor:
    """The mean of the highest cells of each map, [B, G, G] to [B]."""
    flat = maps.flatten(1)
    return flat.topk(min(top, flat.shape[1]), dim=1).values.mean(dim=1)
