"""Waiting for what another process or thread does. The limits are far above what a loaded machine needs."""

import time
from collections.abc import Callable, Iterable
from typing import TypeVar

from benchmarks.shared.processes import is_running

T = TypeVar("T")

MAX_SECONDS = 240.0  # below the limit of a test


def wait_for(ask: Callable[[], T], *, seconds: float = MAX_SECONDS) -> T:
    """Ask again and again until the answer counts as true, and return it.

    Raises:
        AssertionError: it did not for so many seconds.
    """
    end = time.monotonic() + seconds
    while not (answer := ask()):
        assert time.monotonic() < end, f"still {answer!r} after {seconds:.0f} s"
        time.sleep(0.05)
    return answer


def wait_until_ended(pids: Iterable[int], *, seconds: float = MAX_SECONDS) -> None:
    """Wait until no process of these is left; one that nobody has waited for yet has ended, too."""
    pids = list(pids)
    wait_for(lambda: not any(map(is_running, pids)), seconds=seconds)
