"""Int8 weights: the rows of large matrices as int8 with one scale each, to keep a packaged model small.

Only on disk: once loaded, the weights are floating point. The largest weight of a row becomes 127, so the rounding
error of a weight is at most 0.4% of that one.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from jepa_retrieval.errors import ModelError

SCALE = ".row_scale"  # suffix of the tensor that holds a matrix's scales
MIN_NUMBERS = 1 << 16  # smaller matrices are stored as they are


def pack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Every large matrix, float [N, D], as int8 [N, D] and its scales, float32 [N]; the rest as it is."""
    packed: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if tensor.dim() != 2 or tensor.numel() < MIN_NUMBERS or not tensor.is_floating_point():
            packed[name] = tensor
            continue
        scale = tensor.float().abs().amax(dim=1).clamp(min=1e-12) / 127
        packed[name] = (tensor.float() / scale[:, None]).round().to(torch.int8)
        packed[name + SCALE] = scale
    return packed


def unpack(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The weights that `pack` was given, float32, rounded.

    Raises:
        ModelError: the scales do not fit their matrix.
    """
    unpacked: dict[str, Tensor] = {}
    for name, tensor in state.items():
        if name.endswith(SCALE):
            continue
        scale = state.get(name + SCALE)
        if scale is not None and (tensor.dim() != 2 or scale.shape != tensor.shape[:1]):
            raise ModelError(
                f"{name}: shape {tuple(tensor.shape)} does not fit its scales {tuple(scale.shape)}"
            )
        unpacked[name] = tensor if scale is None else tensor.float() * scale[:, None]
    return unpacked
