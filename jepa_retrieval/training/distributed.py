"""Several processes as one batch, on torch.distributed; `accelerate launch` or `torchrun` starts them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from functools import cache
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.nn.functional import all_gather
from torch.distributed.tensor import DTensor

T = TypeVar("T")

MAX_WAIT = timedelta(days=30)


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


@cache
def group_for_long_waits() -> Any:
    """A second group of all processes, over gloo, for waits of any length; all must first call this together.

    Operations of the usual group fail after ten minutes, to detect a process that hangs. A process that decodes media
    or evaluates for an hour does not hang.
    """
    return dist.new_group(backend="gloo", timeout=MAX_WAIT)


def wait_for_all() -> None:
    """Return when all processes have come here, however long that takes."""
    if is_distributed():
        dist.barrier(group=group_for_long_waits())


@contextmanager
def main_process_first() -> Iterator[None]:
    """Inside, the process of rank 0 runs alone, and the others after it, together."""
    is_main = not is_distributed() or dist.get_rank() == 0
    if not is_main:
        wait_for_all()
    yield
    if is_main:
        wait_for_all()


def process_count() -> int:
    """How many processes share the batch."""
    return dist.get_world_size() if is_distributed() else 1


def own_rows(count: int, device: torch.device) -> Tensor:
    """Which of `count` rows of the joint batch are this process's, int64, ascending."""
    share = count // process_count()
    first = share * (dist.get_rank() if is_distributed() else 0)
    return torch.arange(first, first + share, device=device)


def gather_rows(local: Tensor) -> Tensor:
    """As `gather` without a way back for gradients, and without a second copy in memory."""
    if not is_distributed():
        return local
    joint = local.new_empty((len(local) * process_count(), *local.shape[1:]))
    dist.all_gather(list(joint.chunk(process_count())), local.contiguous())
    return joint


def sum_own_rows(joint: Tensor) -> Tensor:
    """The sum over the processes of [processes * B, ...], of which each gets its own rows [B, ...]."""
    if not is_distributed():
        return joint
    share = len(joint) // process_count()
    if dist.get_backend() == "nccl":
        own = joint.new_empty((share, *joint.shape[1:]))
        dist.reduce_scatter_tensor(own, joint)
        return own
    dist.all_reduce(joint)  # gloo, on CPUs, has no reduce_scatter
    return joint[share * dist.get_rank() : share * (dist.get_rank() + 1)].clone()


def gather_objects(local: T) -> list[T]:
    """What each process has, of any plain type, in order of rank."""
    if not is_distributed():
        return [local]
    found: list[Any] = [None] * dist.get_world_size()
    dist.all_gather_object(found, local, group=group_for_long_waits())
    return found


def own_part(tensor: Tensor) -> Tensor:
    """What this process holds of a tensor."""
    return tensor.to_local() if isinstance(tensor, DTensor) else tensor


def sum_over_processes(values: Tensor) -> None:
    """Replace values by their sum over the processes."""
    if is_distributed():
        dist.all_reduce(values)


def average_gradients(parameters: Sequence[torch.nn.Parameter]) -> None:
    """Mean of each gradient over the processes.

    Every process has computed the whole loss, and `gather` sums its gradient over the processes: the mean is what
    one process with the joint batch would have. This is done once a step, by hand, because a step makes several
    forward passes (two towers, cached gradients), which the hooks of DistributedDataParallel do not fit.
    """
    if not is_distributed():
        return
    # FSDP2 has averaged the gradients of divided layers in the backward pass.
    parameters = [parameter for parameter in parameters if not isinstance(parameter, DTensor)]
    pending = []
    for parameter in parameters:
        # A parameter that only some processes used must take part in all.
        if parameter.grad is None:
            parameter.grad = torch.zeros_like(parameter)
        pending.append(dist.all_reduce(parameter.grad, async_op=True))
    for work in pending:
        work.wait()
    for parameter in parameters:
        assert parameter.grad is not None
        parameter.grad /= dist.get_world_size()
