"""The processes of a distributed run, found in /proc by what they are (Linux only)."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Literal

Kind = Literal["worker", "decoder", "driver", "head", "raylet"]

_WORKER = "ray::ShardWorker"
_HEAD = "gcs_server"
_RAYLET = "raylet/raylet"


def find(driver: int, kind: Kind) -> list[int]:
    """Process ids of a kind below a driver, or its own."""
    if kind == "driver":
        return [driver]
    below = descendants(driver)
    workers = [pid for pid in below if _command(pid).startswith(_WORKER)]
    if kind == "worker":
        return workers
    if kind == "decoder":
        return [pid for worker in workers for pid in descendants(worker)]
    program = _HEAD if kind == "head" else _RAYLET
    return [pid for pid in below if _command(pid).split("\0")[0].endswith(program)]


def descendants(pid: int) -> list[int]:
    """Processes that a process has started, and those that they have."""
    parents = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):
            parents[int(stat.parent.name)] = int(stat.read_text().rpartition(")")[2].split()[1])
    found: list[int] = []
    new = [pid]
    while new:
        new = [child for child, parent in parents.items() if parent in new]
        found += new
    return found


def kill(pid: int) -> bool:
    """Kill a process; False if it has ended before."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
