"""Waiting for what another process or thread does. The limits are far above what a loaded machine needs."""

import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TypeVar

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


def is_running(pid: int) -> bool:
    """Whether a process has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def descendants(pid: int) -> set[int]:
    """Processes that a process has started, and those that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        parents[int(stat.parent.name)] = int(fields[1])
    found: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found
