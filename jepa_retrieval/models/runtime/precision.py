"""The precision of networks on a GPU: matrix products in bfloat16, angles of rotary embeddings in float32.

The rotary frequencies of Llama and Gemma are buffers, and so are the statistics of pixels: cast to bfloat16 (8 bits
of mantissa) an angle at position 1,024 is off by up to a radian. So a module is not cast as a whole. Its matrices
are, and the rest runs under autocast, as in training: `torch.amp` lists which operations that leaves in float32.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

# Layers that multiply by a matrix. Tables of embeddings stay as they are: autocast does not round them either.
_MATRIX_LAYERS = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def cast_matrices(module: nn.Module, dtype: torch.dtype) -> nn.Module:
    """Give the linear and convolution layers of `module` weights of `dtype`, in place; all else stays float32.

    Under autocast to `dtype` this changes no number: the weights are rounded once rather than at every call.
    """
    module.float()
    for layer in module.modules():
        if isinstance(layer, _MATRIX_LAYERS):
            for parameter in layer.parameters(recurse=False):
                parameter.data = parameter.data.to(dtype)
    return module


@contextmanager
def computing_in(dtype: torch.dtype, device: torch.device) -> Iterator[None]:
    """Inside, networks compute in `dtype`: bfloat16 by autocast; float32 with TF32 products where a GPU has them.

    TF32 keeps ten bits of the mantissa of a product's factors (bfloat16: seven) and adds in float32.
    """
    if dtype != torch.float32:
        with torch.autocast(device.type, dtype, cache_enabled=False):
            yield
        return
    if device.type != "cuda":
        yield
        return
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = True
    try:
        yield
    finally:
        torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32 = before
