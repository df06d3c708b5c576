"""The progress of a training run, as lines on standard error."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from cli import console
from jepa_retrieval.times import format_time

if TYPE_CHECKING:
    from jepa_retrieval.training.progress import TrainProgress

MIN_SECONDS_BETWEEN_LINES = 5.0


class ProgressLines:
    """Prints a line to standard error every few seconds, and one for every evaluation."""

    def __init__(self) -> None:
        self._last = 0.0

    def __call__(self, progress: TrainProgress) -> None:
        """Print a line, unless the last one was printed just now."""
        finished = progress.done == progress.total
        if (
            progress.activity == "evaluate"
            or finished
            or time.monotonic() - self._last > MIN_SECONDS_BETWEEN_LINES
        ):
            self._last = time.monotonic()
            console.note(progress_line(progress))


def progress_line(progress: TrainProgress) -> str:
    """`train images: 1,200/4,000, loss 2.13, 640 samples/s, 4:12 left`."""
    name = f"{progress.activity} {progress.name}".strip()
    parts = [f"{name}: {progress.done:,}/{progress.total:,}"]
    parts += [f"{key} {value:.4g}" for key, value in progress.values.items()]
    if progress.samples_per_second is not None:
        parts.append(f"{progress.samples_per_second:,.0f} samples/s")
    if progress.seconds_left is not None and progress.done < progress.total:
        parts.append(f"{format_time(progress.seconds_left)} left")
    return ", ".join(parts)
