"""AdamW with a slower Y-Encoder, its schedules, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.distributed.tensor import DTensor
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR
from torch.optim.swa_utils import AveragedModel

from jepa_retrieval.training.config import OptimConfig
from jepa_retrieval.training.distributed import own_part

Tensors = tuple[Tensor, ...] | list[Tensor]


def build_optimizer(
    trained: Iterable[nn.Parameter], slow: nn.Module, config: OptimConfig
) -> torch.optim.AdamW:
    """AdamW over the `trained` weights.

    Those of `slow`, the pretrained body of the Y-Encoder, learn at `y_encoder_multiplier` times the rate: its head is
    new, as the Predictor is, and learns at the full one. Vectors and scalars (norms, biases, temperature) do not
    decay.
    """
    slow_ids = {id(parameter) for parameter in slow.parameters()}
    # Divided weights and whole ones cannot be updated by one kernel.
    groups: dict[tuple[bool, bool, bool], list[nn.Parameter]] = {}
    trained = list(trained)
    for parameter in trained:
        key = (id(parameter) in slow_ids, parameter.ndim >= 2, isinstance(parameter, DTensor))
        groups.setdefault(key, []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": config.learning_rate * (config.y_encoder_multiplier if is_slow else 1.0),
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (is_slow, decays, _), parameters in groups.items()
        ],
        betas=(config.beta1, config.beta2),
        # One kernel for all weights; on a CPU it is no faster, and sums in another order.
        fused=all(parameter.is_cuda for parameter in trained) or None,
    )


def build_schedule(optimizer: torch.optim.Optimizer, config: OptimConfig, *, steps: int) -> LRScheduler:
    """The learning rate of each step, per group: constant, cosine down to 0, or PyTorch's one-cycle.

    Constant and cosine rise linearly over `warmup_steps` first.
    """
    if config.schedule == "one-cycle":
        return OneCycleLR(
            optimizer,
            max_lr=[group["lr"] for group in optimizer.param_groups],
            total_steps=steps + 1,  # the scheduler steps once more after the last update
            pct_start=config.warmup_steps / steps if config.warmup_steps else 0.3,
        )

    def factor(step: int) -> float:
        if step < config.warmup_steps:
            return (step + 1) / (config.warmup_steps + 1)
        if config.schedule == "constant":
            return 1.0
        progress = (step - config.warmup_steps) / max(1, steps - config.warmup_steps)
        return 0.5 * (1 + math.cos(math.pi * min(1.0, progress)))

    return LambdaLR(optimizer, factor)


class WeightAverage:
    """Exponential moving average of weights; a smaller decay at first keeps it from lagging behind."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        """Start with the weights as they are.

        Args:
            parameters: those that are trained.
            decay: of update k it is min(decay, (1 + k) / (10 + k)).
        """
        self._decay = decay
        self._weights = nn.ParameterList(parameter for parameter in parameters if parameter.requires_grad)
        self._average = AveragedModel(self._weights, multi_avg_fn=self._blend)
        self._average.update_parameters(self._weights)  # the first update copies: it is number 0

    @property
    def averages(self) -> list[Tensor]:
        """The averaged weights, in the order of the parameters."""
        return [average.detach() for average in self._average.module.parameters()]

    def update(self) -> None:
        """Update the averages with the current weights."""
        self._average.update_parameters(self._weights)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and averages; a second call changes them back."""
        for parameter, average in zip(self._weights, self.averages, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(kept)

    @contextmanager
    def swapped(self) -> Iterator[None]:
        """Inside, the weights are their averages."""
        self.swap()
        try:
            yield
        finally:
            self.swap()

    def state_dict(self) -> dict[str, Any]:
        """For a checkpoint."""
        return self._average.state_dict()

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """From a checkpoint."""
        self._average.load_state_dict(state)

    def _blend(self, averages: Tensors, weights: Tensors, count: Tensor | int) -> None:
        decay = min(self._decay, (1 + int(count)) / (10 + int(count)))
        torch._foreach_lerp_(_own_parts(averages), _own_parts(weights), 1 - decay)


def _own_parts(tensors: Tensors) -> list[Tensor]:
    """What this process holds of each tensor."""
    return [own_part(tensor) for tensor in tensors]
