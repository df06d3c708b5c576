"""Weights in a byte each: rows of a large matrix as int8 and a scale, to keep a packaged model small.

Only for the disk: what is loaded computes in floating point. A row's largest weight is 127, so that a weight is off
by at most 0.4% of it.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

SCALE = ".row_scale"  # after a matrix's name: its scales
LEAST = 1 << 16  # numbers in a matrix that is worth it


def pack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every large matrix, float [N, D], as int8 [N, D] and its scales, float32 [N]; the rest as it is."""
    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.dim() != 2 or tensor.numel() < LEAST or not tensor.is_floating_point():
            packed[name] = tensor
            continue
        scale = tensor.float().abs().amax(dim=1).clamp(min=1e-12) / 127
        packed[name] = (tensor.float() / scale[:, None]).round().to(torch.int8)
        packed[name + SCALE] = scale
    return packed


def unpack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that `pack` was given, float32, rounded."""
    return {
        name: tensor.float() * state[name + SCALE][:, None] if name + SCALE in state else tensor
        for name, tensor in state.items()
        if not name.endswith(SCALE)
    }
