"""Frames (uint8 RGB, channels last) as the input of a network."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

IMAGENET_MEAN = (0.485, 0.456, 0.406)  # of pixels scaled to 0..1
IMAGENET_STD = (0.229, 0.224, 0.225)


class NormaliseFrames(nn.Module):
    """Channels first, resized if the network needs another size, and (pixel - mean) / std."""

    mean: Tensor
    std: Tensor

    def __init__(self, mean: tuple[float, ...], std: tuple[float, ...], *, image_size: int) -> None:
        """`mean` and `std` are in pixel units (0..255), per channel or one for all."""
        super().__init__()
        self.image_size = image_size
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1), persistent=False)
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1), persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 or float [M, H, W, 3] in 0..255 to float [M, 3, S, S]."""
        # In float32 even where the networks compute in bfloat16, whose mantissa is too short for products of pixels.
        with torch.autocast(frames.device.type, enabled=False):
            pixels = frames.permute(0, 3, 1, 2).to(self.mean.dtype)
            height, width = int(pixels.shape[-2]), int(pixels.shape[-1])
            if height != self.image_size:
                pixels = resizing(height, self.image_size, device=pixels.device) @ pixels
            if width != self.image_size:
                pixels = pixels @ resizing(width, self.image_size, device=pixels.device).T
            return (pixels - self.mean) / self.std


def spread_frames(frames: Tensor, count: int) -> Tensor:
    """[B, T, ...] sampled uniformly to [B, count, ...]; a single picture is repeated, as in the paper."""
    given = frames.shape[1]
    return frames.index_select(1, torch.arange(count, device=frames.device) * given // count)


def resizing(size: int, target: int, *, device: torch.device | None = None) -> Tensor:
    """Antialiased bilinear interpolation along one side as a matrix, float [target, size].

    Two products with it resize a picture as `interpolate` does, several times faster on a CPU.
    """
    columns = torch.eye(size, device=device)[None, None]
    return functional.interpolate(columns, size=(target, size), mode="bilinear", antialias=True)[0, 0]


def from_unit_range(values: tuple[float, ...]) -> tuple[float, ...]:
    """Statistics of pixels in 0..1 as statistics of pixels in 0..255."""
    return tuple(255.0 * value for value in values)
