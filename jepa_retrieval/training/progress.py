"""The progress of a training run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class TrainProgress:
    """The state of one activity of a run."""

    activity: Literal["tokens", "texts", "train", "evaluate"]
    name: str  # of the source, phase or evaluation
    done: int  # visuals, texts or steps
    total: int
    seconds_left: float | None = None  # None: not known yet
    samples_per_second: float | None = None  # of training
    values: dict[str, float] = field(default_factory=dict)  # loss, metrics


OnProgress = Callable[[TrainProgress], None]


def ignore(_: TrainProgress) -> None:
    """Do nothing with the progress: for callers that give no function."""


def seconds_left(elapsed: float, done: int, total: int) -> float | None:
    """At the mean speed so far."""
    return (total - done) * elapsed / done if done > 0 else None
