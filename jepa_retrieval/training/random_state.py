"""The state of PyTorch's random generators in this process.

Batches do not depend on it: they follow from the seed and the step.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypedDict

import torch
from torch import Tensor


class RandomState(TypedDict):
    """States of the generators."""

    cpu: Tensor
    cuda: list[Tensor]  # one per device; empty without CUDA


def random_state() -> RandomState:
    """The states as they are now."""
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: RandomState) -> None:
    """Restore states that `random_state` returned."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])


@contextmanager
def preserved_random_state() -> Iterator[None]:
    """Restore the states at the end: what happens inside does not change the random numbers of training."""
    state = random_state()
    try:
        yield
    finally:
        set_random_state(state)
