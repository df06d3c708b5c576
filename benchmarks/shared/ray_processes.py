"""The processes of a distributed run, found in /proc by what they are (Linux only)."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Literal

from jepa_retrieval.tasks.indexing.distributed.reaper import descendants

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


def kill(pid: int) -> bool:
    """Kill a process; False if it has ended before."""
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        return False
    return True


def _command(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace")
    except OSError:
        return ""
