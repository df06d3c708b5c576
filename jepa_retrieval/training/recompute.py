"""Activations that are computed again in the backward pass instead of being kept (gradient checkpointing).

Chen et al., "Training deep nets with sublinear memory cost", arXiv 1604.06174. Of each layer only the input is kept;
each step computes every trained layer once more.
"""

from __future__ import annotations

from functools import partial
from typing import Any

from torch import nn
from torch.utils.checkpoint import checkpoint
from transformers.modeling_layers import GradientCheckpointingLayer


def recompute_layers(model: nn.Module) -> int:
    """Have every trained transformer layer of `model` keep only its input; returns how many there are."""
    count = 0
    for module in model.modules():
        if isinstance(module, GradientCheckpointingLayer) and any(
            p.requires_grad for p in module.parameters()
        ):
            module.gradient_checkpointing = True
            layer: Any = module  # the library sets this attribute itself, and declares none
            layer._gradient_checkpointing_func = partial(checkpoint, use_reentrant=False)
            count += 1
    return count
