"""The checkpoint of a run whose layers are divided: each process writes and reads its own part.

Weights, their averages and the optimizer's moments lie in `checkpoint-STEP/`, written by
`torch.distributed.checkpoint`. `checkpoint.pt` has the rest and is replaced last, so it always belongs to a complete
folder.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn
from torch.distributed.checkpoint.state_dict_loader import load as load_shards
from torch.distributed.checkpoint.state_dict_saver import save as save_shards

from indexes.reasons import first_line
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.storage import not_finite
from jepa_retrieval.training import checkpoint
from jepa_retrieval.training.checkpoint import Checkpoint, tensors_of
from jepa_retrieval.training.distributed import gather_objects, own_part, wait_for_all
from jepa_retrieval.training.random_state import RandomState


class ShardedCheckpoint(Checkpoint):
    """As `Checkpoint`, and every process calls `save` and `resume`."""

    def save(self, step: int, *, random: Sequence[RandomState] | None = None, **extra: Any) -> None:
        """As `Checkpoint.save`; `random` and `extra` are those of the process of rank 0."""
        folder = self._shards(step)
        try:
            save_shards(self._tensors(), checkpoint_id=folder)
        except Exception as error:  # of PyTorch, which joins those of all processes
            raise UsageError(f"{folder}: the checkpoint cannot be written ({first_line(error)})") from error
        if dist.get_rank() == 0:
            state = {
                "settings": self._settings,
                "step": step,
                "groups": self._optimizer.state_dict()["param_groups"],
                "schedule": self._schedule.state_dict(),
                "random": random,
                "extra": extra,
            }
            checkpoint.save(self._folder, state)
            self._remove_others(folder)
        wait_for_all()

    def _restore(self, state: dict[str, Any]) -> None:
        self._optimizer.load_state_dict({"state": {}, "param_groups": state["groups"]})
        self._schedule.load_state_dict(state["schedule"])
        folder = self._shards(state["step"])
        tensors = self._tensors()
        load_shards(tensors, checkpoint_id=folder)
        broken = not_finite({name: own_part(tensor) for name, tensor in tensors_of(tensors)})
        # Every process has other parts: all of them stop, or none does.
        if (name := next(filter(None, gather_objects(broken)), None)) is not None:
            raise UsageError(f"{folder}: {name} has values that are not finite; --restart starts over")

    def _shards(self, step: int) -> Path:
        return self._folder / f"checkpoint-{step:d}"

    def _remove_others(self, folder: Path) -> None:
        for other in self._folder.glob("checkpoint-*"):
            if other != folder and re.fullmatch(r"checkpoint-\d+", other.name):
                shutil.rmtree(other, ignore_errors=True)

    def _tensors(self) -> dict[str, Any]:
        """The tensors themselves, not copies: reading writes into them."""
        return {
            "weights": {name: weight.detach() for name, weight in self._weights.items()},
            "moments": {name: self._moments_of(weight) for name, weight in self._weights.items()},
            "average": self._average.state_dict() if self._average is not None else {},
        }

    def _moments_of(self, weight: nn.Parameter) -> dict[str, Tensor]:
        """AdamW's state of a weight; before its first update that is zero."""
        state: dict[str, Tensor] = self._optimizer.state[weight]
        if not state:
            device = weight.device if self._optimizer.defaults.get("fused") else torch.device("cpu")
            state["step"] = torch.zeros((), dtype=torch.float32, device=device)
            state["exp_avg"] = torch.zeros_like(weight, requires_grad=False)
            state["exp_avg_sq"] = torch.zeros_like(weight, requires_grad=False)
        return state
