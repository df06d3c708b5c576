"""Layers whose weights, gradients and optimizer state are divided among the processes (FSDP2).

PyTorch's `fully_shard` gathers the weights of a layer when it runs, forward or backward, and averages and divides its
gradients after the backward pass (Zhao et al., "PyTorch FSDP", arXiv 2304.11277; Rajbhandari et al., "ZeRO", arXiv
1910.02054). What is small, such as heads and norms, stays whole in every process.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor
from torch.nn.utils import clip_grads_with_norm_, get_total_norm
from transformers.modeling_layers import GradientCheckpointingLayer

MIN_TABLE = 1_000_000  # numbers in a table of embeddings that is worth dividing


def divisible_units(model: nn.Module) -> list[nn.Module]:
    """The modules that `shard_layers` divides: trained transformer layers and large trained tables of embeddings."""
    return [module for module in model.modules() if _is_divisible(module)]


def _is_divisible(module: nn.Module) -> bool:
    if isinstance(module, nn.Embedding):
        return module.weight.requires_grad and module.weight.numel() >= MIN_TABLE
    return isinstance(module, GradientCheckpointingLayer) and any(
        parameter.requires_grad for parameter in module.parameters()
    )


def shard_layers(model: nn.Module, *, device: torch.device) -> int:
    """Divide the layers of a model among all processes, which must call this together; returns how many there are.

    The model has the same weights in every process. Its parameters are replaced, so an optimizer is made afterwards.
    """
    mesh = init_device_mesh(device.type, (dist.get_world_size(),))
    units = divisible_units(model)
    for unit in units:
        fully_shard(unit, mesh=mesh, reshard_after_forward=True)
    return len(units)


def is_divided(tensor: Tensor) -> bool:
    """Whether this process holds only its part of a tensor."""
    return isinstance(tensor, DTensor)


def whole(tensor: Tensor) -> Tensor:
    """All of a tensor; if it is divided, all processes must call this together."""
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def whole_state(model: nn.Module, *, keep: bool) -> dict[str, Tensor]:
    """The state dict of a model with divided layers, on the CPU; all processes must call this together.

    Args:
        model: the model.
        keep: whether this process wants it; the others get an empty one and need no memory for it.
    """
    found: dict[str, Tensor] = {}
    for name, tensor in model.state_dict().items():
        gathered = whole(tensor.detach())
        if keep:
            found[name] = gathered.cpu()
    return found


def clip_gradients(parameters: Sequence[nn.Parameter], max_norm: float) -> None:
    """Scale all gradients so that their joint norm is at most `max_norm`, over divided and whole ones."""
    groups = [[p for p in parameters if is_divided(p) == divided] for divided in (False, True)]
    norms = [
        whole(get_total_norm([p.grad for p in group if p.grad is not None])) for group in groups if group
    ]
    total = torch.stack(norms).norm() if len(norms) > 1 else norms[0]
    for group in groups:
        clip_grads_with_norm_(group, max_norm, total)
