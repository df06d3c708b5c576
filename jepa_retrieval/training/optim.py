"""AdamW with a slower Y-Encoder, its schedules, and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler, OneCycleLR

from jepa_retrieval.training.config import OptimConfig


def build_optimizer(
    trained: Iterable[nn.Parameter], slow: nn.Module, config: OptimConfig
) -> torch.optim.AdamW:
    """AdamW over the `trained` weights.

    Those of `slow`, the pretrained body of the Y-Encoder, learn at `y_encoder_multiplier` times the rate: its head is
    new, as the Predictor is, and learns at the full one. Vectors and scalars (norms, biases, temperature) do not
    decay.
    """
    slow_ids = {id(parameter) for parameter in slow.parameters()}
    groups: dict[tuple[bool, bool], list[nn.Parameter]] = {}
    for parameter in trained:
        groups.setdefault((id(parameter) in slow_ids, parameter.ndim >= 2), []).append(parameter)
    return torch.optim.AdamW(
        [
            {
                "params": parameters,
                "lr": config.learning_rate * (config.y_encoder_multiplier if is_slow else 1.0),
                "weight_decay": config.weight_decay if decays else 0.0,
            }
            for (is_slow, decays), parameters in groups.items()
        ],
        betas=(config.beta1, config.beta2),
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
    """Exponential moving average of weights; early on it forgets faster, so that it does not lag behind."""

    def __init__(self, parameters: Iterable[nn.Parameter], decay: float) -> None:
        self._parameters = [parameter for parameter in parameters if parameter.requires_grad]
        self._decay = decay
        self._updates = 0
        self.averages = [parameter.detach().clone() for parameter in self._parameters]

    @torch.no_grad()
    def update(self) -> None:
        """Take in the weights as they are now."""
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        torch._foreach_lerp_(self.averages, [p.detach() for p in self._parameters], 1 - decay)

    @torch.no_grad()
    def swap(self) -> None:
        """Exchange weights and averages; a second call changes them back."""
        for parameter, average in zip(self._parameters, self.averages, strict=True):
            kept = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(kept)

    def state(self) -> dict[str, Tensor | int]:
        """For a checkpoint."""
        return {"updates": self._updates, **{str(i): average for i, average in enumerate(self.averages)}}

    def load(self, state: dict[str, Tensor | int]) -> None:
        """From a checkpoint."""
        self._updates = int(state["updates"])
        for i, average in enumerate(self.averages):
            value = state[str(i)]
            assert isinstance(value, Tensor)
            average.copy_(value)
