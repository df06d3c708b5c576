"""The state of a run on disk, from which it continues exactly where it was, whatever stopped it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from indexes.files import sync_folder
from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.checkpoints import read_torch_object
from jepa_retrieval.models.storage import not_finite
from jepa_retrieval.training.optim import WeightAverage
from jepa_retrieval.training.random_state import RandomState, random_state

FILE_NAME = "checkpoint.pt"
FORMAT_VERSION = 2


class Checkpoint:
    """The checkpoint of one run: the same for every trainer."""

    def __init__(
        self,
        folder: Path,
        settings: Mapping[str, Any],
        *,
        weights: Mapping[str, nn.Parameter],
        optimizer: Optimizer,
        schedule: LRScheduler,
        average: WeightAverage | None,
    ) -> None:
        """Nothing is read or written yet.

        Args:
            folder: of the run.
            settings: plain values; a checkpoint of a run with other settings is refused.
            weights: what is trained, by name.
            optimizer: of the weights.
            schedule: of the optimizer's learning rate.
            average: of the weights; None: there is none.
        """
        self._folder = folder
        self._settings = json.dumps(settings)
        self._weights, self._optimizer = weights, optimizer
        self._schedule, self._average = schedule, average

    def save(self, step: int, *, random: Sequence[RandomState] | None = None, **extra: Any) -> None:
        """Write the state after `step` steps.

        Args:
            step: how many are done.
            random: the state of each process; None: of this one, which is the only one.
            extra: tensors and plain values of the trainer, which `resume` returns.

        Raises:
            UsageError: the folder cannot be written.
        """
        save(
            self._folder,
            {
                "settings": self._settings,
                "step": step,
                "weights": {name: value.detach() for name, value in self._weights.items()},
                "optimizer": self._optimizer.state_dict(),
                "schedule": self._schedule.state_dict(),
                "average": self._average.state_dict() if self._average is not None else {},
                "random": [random_state()] if random is None else list(random),
                "extra": extra,
            },
        )

    def resume(self) -> dict[str, Any] | None:
        """Restore weights, optimizer, schedule and average; the rest ("step", "random", "extra") is returned.

        None if the folder has no checkpoint.

        Raises:
            UsageError: the checkpoint is damaged, or belongs to a run with other settings.
        """
        state = load(self._folder)
        if state is None:
            return None
        try:
            check_settings(state["settings"], self._settings, folder=self._folder)
            self._restore(state)
            return {key: state[key] for key in ("step", "random", "extra")}
        except UsageError:
            raise
        except Exception as error:  # of PyTorch, for states that are not what it saved
            path = self._folder / FILE_NAME
            raise UsageError(
                f"{path}: not a checkpoint of this run ({first_line(error)}); --restart starts over"
            ) from error

    def _restore(self, state: dict[str, Any]) -> None:
        parts = {name: state[name] for name in ("weights", "average", "optimizer")}
        if (broken := not_finite(dict(tensors_of(parts)))) is not None:
            path = self._folder / FILE_NAME
            raise UsageError(f"{path}: {broken} has values that are not finite; --restart starts over")
        with torch.no_grad():
            for name, value in self._weights.items():
                value.copy_(state["weights"][name])
        self._optimizer.load_state_dict(state["optimizer"])
        self._schedule.load_state_dict(state["schedule"])
        if self._average is not None:
            self._average.load_state_dict(state["average"])


def tensors_of(value: Any, name: str = "") -> Iterator[tuple[str, torch.Tensor]]:
    """The tensors of nested dicts, each with the keys that lead to it."""
    if isinstance(value, torch.Tensor):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from tensors_of(inner, f"{name}.{key}" if name else str(key))


def save(folder: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in one step: at every moment the old one or the new one is there, complete."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{FILE_NAME}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            torch.save({"format_version": FORMAT_VERSION, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE_NAME)
        sync_folder(folder)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{folder}: the checkpoint cannot be written ({error.strerror or error})") from error


def load(folder: Path) -> dict[str, Any] | None:
    """The checkpoint of a run's folder, tensors on the CPU; None if there is none.

    Raises:
        UsageError: the file is damaged, or was written by another version of this program.
    """
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        state = read_torch_object(path)
    except ModelError as error:
        reason = str(error).removeprefix(f"{path}: ")
        raise UsageError(f"{path}: not a readable checkpoint: {reason}; --restart starts over") from error
    if not isinstance(state, dict) or state.get("format_version") != FORMAT_VERSION:
        raise UsageError(f"{path}: written by another version of this program; --restart starts over")
    return state


def check_settings(before: str, now: str, *, folder: Path) -> None:
    """Raise UsageError, with the name of the first setting that differs, unless both JSON texts hold the same."""
    difference = _first_difference(json.loads(before), json.loads(now))
    if difference:
        raise UsageError(
            f"{folder}: holds a run with other settings ({difference}); choose another run.output, or --restart"
        )


def _first_difference(before: Any, now: Any, name: str = "") -> str:
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        before, now = dict(enumerate(before)), dict(enumerate(now))
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return "" if before == now else f"{name} was {before!r} and is {now!r}"
    # A setting that is new since the checkpoint was written, and is off, changes nothing.
    for key in [*before, *(key for key in now if key not in before and now[key])]:
        found = _first_difference(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
        if found:
            return found
    return ""
