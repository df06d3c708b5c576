"""Several processes as one batch, on torch.distributed; `accelerate launch` or `torchrun` starts them."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather


def is_distributed() -> bool:
    """Whether this process is one of several."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gather(local: Tensor) -> Tensor:
    """The tensors [B, ...] of all processes as one [processes * B, ...], in order of rank.

    Gradients flow back into the part that came from this process, from the losses of all processes.
    """
    if not is_distributed():
        return local
    if not local.requires_grad:
        parts = [torch.empty_like(local) for _ in range(dist.get_world_size())]
        dist.all_gather(parts, local.contiguous())
        return torch.cat(parts)
    return torch.cat(all_gather(local.contiguous()))


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Mean of each gradient over the processes.

    Every process has computed the whole loss, and `gather` sums its gradient over the processes: the mean is what
    one process with the joint batch would have. This is done once a step, by hand, because a step makes several
    forward passes (two towers, cached gradients), which the hooks of DistributedDataParallel do not fit.
    """
    if not is_distributed():
        return
    pending = []
    for parameter in parameters:
        # A parameter that only some process used must still meet its counterparts.
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        pending.append(dist.all_reduce(parameter.grad, async_op=True))
    for work in pending:
        work.wait()
    for parameter in parameters:
        assert parameter.grad is not None
        parameter.grad /= dist.get_world_size()
