"""Scales frames on a GPU as the CPU does: products with one matrix of weights for rows and one for columns."""

from __future__ import annotations

from functools import lru_cache
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from jepa_retrieval.media.video.other_decoders import BT601_TO_BT709

Kernel = Literal["area", "cubic"]

_CUBIC = -0.5  # the free parameter of Keys' kernel, as Pillow has it


def scale(frames: Tensor, size: tuple[int, int]) -> Tensor:
    """Uint8 [N, H, W, 3] to uint8 [N, h, w, 3]: means over areas where it shrinks, linear where it grows.

    Args:
        frames: on any device.
        size: w and h, as of `Fit.scaled_size`.
    """
    height, width = frames.shape[1:3]
    return _resampled(
        frames,
        _on_device(height, size[1], "area", frames.device),
        _on_device(width, size[0], "area", frames.device),
    )


def centre_crop(frames: Tensor, share: float) -> Tensor:
    """The centre of each frame, enlarged to the frame's size: uint8 [T, S, S, 3] to the same."""
    weights = _on_device(frames.shape[1], frames.shape[1], "cubic", frames.device, share)
    return _resampled(frames, weights, weights)


def in_bt709(frames: Tensor) -> Tensor:
    """RGB, uint8 [..., 3], that was made with the matrix of BT.601, as if made with that of BT.709."""
    return _rounded(frames.float() @ torch.from_numpy(BT601_TO_BT709.T.copy()).to(frames.device))


def _resampled(frames: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    count, height, width, _ = frames.shape
    tall = rows @ frames.float().reshape(count, height, width * 3)
    return _rounded(columns @ tall.reshape(count, len(rows), width, 3))


def _rounded(values: Tensor) -> Tensor:
    return values.add_(0.5).clamp_(0, 255).to(torch.uint8)


@lru_cache(maxsize=64)
def _on_device(source: int, target: int, kernel: Kernel, device: torch.device, share: float = 1.0) -> Tensor:
    return torch.from_numpy(weights(source, target, kernel, share=share)).to(device)


def weights(source: int, target: int, kernel: Kernel, *, share: float = 1.0) -> np.ndarray:
    """What each of `source` pixels adds to each of `target` pixels, float32 [target, source]; rows add up to 1.

    Args:
        source: pixels of a row or a column.
        target: pixels of the scaled one.
        kernel: "area": the overlap of pixels, or the linear kernel where the picture grows; "cubic": Keys' kernel,
            for pictures that grow.
        share: how much of the source is scaled, from its middle.
    """
    step = source * share / target  # source pixels to a target pixel
    centres = source * (1 - share) / 2 + (np.arange(target)[:, np.newaxis] + 0.5) * step
    pixels = np.arange(source)[np.newaxis]
    distance = np.abs(pixels + 0.5 - centres)
    if kernel == "cubic":
        found = _keys(distance)
    elif step < 1:
        found = np.maximum(0.0, 1 - distance)
    else:
        ends = np.minimum(pixels + 1, centres + step / 2) - np.maximum(pixels, centres - step / 2)
        found = np.maximum(0.0, ends)
    normalised: np.ndarray = (found / found.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def _keys(distance: np.ndarray) -> np.ndarray:
    """R. Keys, Cubic convolution interpolation for digital image processing (1981), equation 4, for any parameter."""
    x, a = distance, _CUBIC
    near = ((a + 2) * x - (a + 3)) * x * x + 1
    far = (((x - 5) * x + 8) * x - 4) * a
    inside: np.ndarray = np.where(x < 1, near, np.where(x < 2, far, 0.0))
    return inside
