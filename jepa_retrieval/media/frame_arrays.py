"""Frames as arrays of NumPy or, where they were decoded on a GPU, as tensors of PyTorch: what works for both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def stacked(frames: Sequence[Any]) -> Any:
    """Arrays of one shape, or tensors of one, along a new first axis."""
    return joined([frame[None] for frame in frames])


def joined(frames: Sequence[Any]) -> Any:
    """Arrays and tensors [n, ...] one after the other: an array, or a tensor on its device if there is one."""
    tensor = next((item for item in frames if not isinstance(item, np.ndarray)), None)
    if tensor is None:
        return np.concatenate(frames)
    import torch

    return torch.cat([torch.as_tensor(item, device=tensor.device) for item in frames])


def zeros_like(frame: Any, shape: tuple[int, ...]) -> Any:
    """Zeros of another shape: an array, or a tensor on the device of `frame`."""
    return np.zeros(shape, frame.dtype) if isinstance(frame, np.ndarray) else frame.new_zeros(shape)
