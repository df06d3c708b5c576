"""Clears up after a cluster whose driver was killed: Ray's agents would stay for a minute, its folder for ever."""

from __future__ import annotations

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Self


class Reaper:
    """Waits, in a shell, for the end of this process; ends what it has started, and deletes a folder (Linux only).

    What this process starts before the block is entered, and after the reaper is made, is ended. Leaving the block
    ends the waiting: then the caller clears up.

    Args:
        folder: is deleted.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._before = descendants(os.getpid())
        self._shell: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        if sys.platform == "linux":
            pids = " ".join(map(str, sorted(descendants(os.getpid()) - self._before)))
            ends = f"kill -9 {pids} 2>/dev/null; {self._delete}"
            self._shell = subprocess.Popen(
                ["sh", "-c", f"cat >/dev/null; {ends}"], stdin=subprocess.PIPE, start_new_session=True
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._shell is not None:
            self._shell.kill()
            self._shell.wait()
            if self._shell.stdin is not None:
                self._shell.stdin.close()

    def end_now(self) -> None:
        """End what this process has started since the reaper was made, and delete the folder."""
        if sys.platform == "linux":
            for pid in descendants(os.getpid()) - self._before:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            subprocess.Popen(["sh", "-c", self._delete], start_new_session=True)

    @property
    def _delete(self) -> str:
        """Commands that delete the folder: what Ray has started notices late that it is alone, and writes logs."""
        return f"for i in 1 2 3 4 5 6 7 8; do sleep 2; rm -rf {shlex.quote(self._folder)}; done"


def descendants(pid: int) -> set[int]:
    """Processes that a process has started, and those that they have, as /proc lists them."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue  # it has ended meanwhile
    found: set[int] = set()
    new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - found
        found |= new
    return found
