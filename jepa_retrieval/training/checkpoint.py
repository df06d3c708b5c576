"""The state of a run on disk, from which it goes on exactly where it was, whatever killed it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch

from jepa_retrieval.errors import UsageError

FILE_NAME = "checkpoint.pt"
FORMAT_VERSION = 1


def save(folder: Path, state: dict[str, Any]) -> None:
    """Replace the checkpoint in one step: at every moment the old one or the new one is there, whole."""
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f"{FILE_NAME}.{os.getpid()}"
    try:
        with temporary.open("wb") as file:
            torch.save({"format_version": FORMAT_VERSION, **state}, file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(folder / FILE_NAME)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise UsageError(f"{folder}: the checkpoint cannot be written ({error.strerror or error})") from error
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)  # the renaming itself is on disk only now
    finally:
        os.close(descriptor)


def load(folder: Path) -> dict[str, Any] | None:
    """The checkpoint of a run's folder, tensors on the CPU; None if there is none."""
    path = folder / FILE_NAME
    if not path.exists():
        return None
    try:
        # weights_only: a file can hold tensors and plain values, never code.
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise UsageError(f"{path}: not a readable checkpoint ({error}); --restart begins anew") from error
    if state.get("format_version") != FORMAT_VERSION:
        raise UsageError(f"{path}: written by another version of this program; --restart begins anew")
    assert isinstance(state, dict)
    return state


def check_same_run(state: dict[str, Any], config: dict[str, Any], *, folder: Path) -> None:
    """Raise UsageError if the checkpoint belongs to a run with other settings; names the first that differs."""
    before, now = json.loads(state["config"]), json.loads(json.dumps(config))
    difference = _first_difference(before, now)
    if difference:
        raise UsageError(
            f"{folder}: holds a run with other settings ({difference}); choose another run.output, or --restart"
        )


def _first_difference(before: Any, now: Any, name: str = "") -> str:
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        before, now = dict(enumerate(before)), dict(enumerate(now))
    if not (isinstance(before, dict) and isinstance(now, dict)):
        return "" if before == now else f"{name} was {before!r} and is {now!r}"
    for key in [*before, *(key for key in now if key not in before)]:
        found = _first_difference(before.get(key), now.get(key), f"{name}.{key}" if name else str(key))
        if found:
            return found
    return ""


def random_state() -> dict[str, Any]:
    """States of PyTorch's generators in this process. Batches need none: they follow from the seed and the step."""
    return {
        "cpu": torch.get_rng_state(),
        "cuda": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
    }


def set_random_state(state: dict[str, Any]) -> None:
    """Put them back."""
    torch.set_rng_state(state["cpu"])
    if state["cuda"]:
        torch.cuda.set_rng_state_all(state["cuda"])
