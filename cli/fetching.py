"""Downloads of models: the plan, a confirmation, and progress."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from cli import console
from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from jepa_retrieval.models.fetching import FetchPlan, FetchProgress

MIN_SECONDS_BETWEEN_LINES = 5.0


def chosen_model(name: str | None) -> str:
    """The model that the user typed, or named in $JEPA_MODEL, or the default one, downloaded if necessary.

    Only a name that the user gave leads to a download, without a confirmation; what is downloaded is printed.
    """
    from jepa_retrieval.library import DEFAULT_MODEL
    from jepa_retrieval.models.registry import fetch_model

    chosen = model_name(name)
    if chosen != DEFAULT_MODEL:
        fetch_model(chosen, on_plan=_announce, on_progress=fetch_progress())
    return chosen


def fetch_speech_model(name: str) -> None:
    """Download the model for speech recognition that the user typed, if necessary; what is downloaded is printed."""
    from jepa_retrieval.models.registry import fetch_model
    from jepa_retrieval.models.speech import check_recogniser

    check_recogniser(name)  # other models have names, too, and files that could be downloaded
    fetch_model(name, on_plan=_announce, on_progress=fetch_progress())


def model_name(name: str | None) -> str:
    """The model that the user typed, or named in $JEPA_MODEL, or the default one."""
    from jepa_retrieval.library import DEFAULT_MODEL

    return name or os.environ.get("JEPA_MODEL") or DEFAULT_MODEL


def confirm(*, yes: bool) -> Callable[[FetchPlan], None]:
    """A callback that shows a plan and asks whether to go on, unless `yes`.

    Raises:
        UsageError: when it is called, if the user says no, or cannot be asked.
    """

    def ask(plan: FetchPlan) -> None:
        _announce(plan)
        if yes:
            return
        if not sys.stdin.isatty():
            raise UsageError("nothing was downloaded: give --yes to download without confirmation")
        if console.answer(f"Download {console.bytes_text(plan.missing_bytes)}? [y/N] ").lower() not in (
            "y",
            "yes",
        ):
            raise UsageError("nothing was downloaded")

    return ask


def _announce(plan: FetchPlan) -> None:
    for planned in plan.repositories:
        for file in planned.missing:
            size = "unknown size" if file.size is None else console.bytes_text(file.size)
            access = ", restricted access" if planned.is_gated else ""
            licence = planned.licence or "no licence stated"
            console.note(f"To download: {planned.repository.name}/{file.name}, {size} ({licence}{access})")
    console.note(f"In all {console.bytes_text(plan.missing_bytes)} for {plan.model}")


def fetch_progress() -> Callable[[FetchProgress], None] | None:
    """A callback that prints how far a download is, every few seconds; None if progress is not wanted."""
    if not console.show_progress():
        return None
    last = time.monotonic()

    def on_progress(progress: FetchProgress) -> None:
        nonlocal last
        finished = progress.done == progress.total
        if not finished and time.monotonic() - last < MIN_SECONDS_BETWEEN_LINES:
            return
        last = time.monotonic()
        total = "" if progress.total is None else f" of {console.bytes_text(progress.total)}"
        console.note(f"{progress.file}: {console.bytes_text(progress.done)}{total}")

    return on_progress
