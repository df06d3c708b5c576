"""Progress of an indexing run: a bar on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from cli import console
from jepa_retrieval.times import format_time
from jepa_retrieval.visible import visible

if TYPE_CHECKING:
    from jepa_retrieval.tasks.indexing.report import IndexProgress

MIN_SECONDS_BETWEEN_LINES = 5.0

OnProgress = Callable[["IndexProgress"], None]


@contextmanager
def indexing_progress() -> Iterator[OnProgress | None]:
    """A callback for `Library.index` that shows progress on standard error; None if progress is switched off."""
    if not console.show_progress():
        yield None
    elif console.is_terminal(sys.stderr):
        with _bar() as on_progress:
            yield on_progress
    else:
        yield _lines()


def rates(progress: IndexProgress) -> str:
    """Average speed and remaining time: `24.1x real time, 3.2 files/s, 0:42 left`."""
    elapsed = max(progress.elapsed, 1e-3)
    parts = []
    if progress.media_seconds:
        parts.append(f"{progress.media_seconds / elapsed:.1f}x real time")
    parts.append(f"{progress.files_done / elapsed:.1f} files/s")
    if progress.files_done:
        remaining = (progress.files_total - progress.files_done) * elapsed / progress.files_done
        parts.append(f"{format_time(remaining)} left")
    return ", ".join(parts)


def worker_lines(progress: IndexProgress) -> list[str]:
    """What each worker of a distributed run is doing: `host:4711 12/500 files, videos/a.mp4`."""
    return [
        f"{worker.host}:{worker.pid} {worker.files_done:,}/{worker.files_total:,} files, {visible(worker.current)}"
        for worker in progress.workers
    ]


def _lines() -> OnProgress:
    last = time.monotonic()

    def on_progress(progress: IndexProgress) -> None:
        nonlocal last
        if time.monotonic() - last < MIN_SECONDS_BETWEEN_LINES:
            return
        last = time.monotonic()
        failed = f", {progress.failed:,} failed" if progress.failed else ""
        console.note(f"{progress.files_done:,}/{progress.files_total:,} files{failed}, {rates(progress)}")
        for line in worker_lines(progress):
            console.note(f"  {line}")

    return on_progress


@contextmanager
def _bar() -> Iterator[OnProgress]:
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn
    from rich.table import Column

    # The file name takes the remaining width.
    rest = Column(ratio=1, no_wrap=True, overflow="ellipsis", min_width=1)
    with Progress(
        BarColumn(bar_width=20),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rates]}", markup=False),
        TextColumn("{task.fields[current]}", style="dim", markup=False, table_column=rest),
        console=console.styled(stderr=True),
        transient=True,
        expand=True,
    ) as bar:
        task = bar.add_task("", total=None, rates="scanning for files", current="")
        shown: list[TaskID] = []  # a line for each worker

        def on_progress(progress: IndexProgress) -> None:
            failed = f", {progress.failed:,} failed" if progress.failed else ""
            bar.update(
                task,
                total=progress.files_total,
                completed=progress.files_done,
                rates=rates(progress) + failed,
                current=visible(progress.current) if not progress.workers else "",
            )
            lines = worker_lines(progress)
            while len(shown) < len(lines):
                shown.append(bar.add_task("", total=None, rates="", current=""))
            for number, task_id in enumerate(shown):
                line = lines[number] if number < len(lines) else ""
                bar.update(task_id, current=line, visible=bool(line))

        yield on_progress
