"""Processes seen from outside: what a command started, its wall time, and its memory with all that it started."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.tasks.indexing.distributed.reaper import descendants

SAMPLE_SECONDS = 0.2  # between two samples of the memory


@dataclass(frozen=True, slots=True)
class Run:
    """Wall time and peak memory of one command."""

    seconds: float
    peak_mb: (
        float  # largest sum of the proportional set sizes of the process and its children; 0 if not sampled
    )


def jepa_program() -> str:
    """The `jepa` that was installed beside this Python."""
    return shutil.which("jepa", path=str(Path(sys.executable).parent)) or "jepa"


def run_index(file: Path, sampling: str = "auto", *, memory: bool = False) -> Run:
    """`jepa index` of one file into a new index, in a new process."""
    with tempfile.TemporaryDirectory() as folder:
        index = f"{folder}/index"
        options = ["--index", index, "--sampling", sampling, "--quiet"]
        return measure([jepa_program(), "index", str(file), *options], memory=memory)


def run_ffmpeg(file: Path) -> Run:
    """`ffmpeg -i FILE -f null -`: every frame is decoded, on all cores, and nothing else is done."""
    return measure(["ffmpeg", "-nostdin", "-v", "error", "-i", str(file), "-f", "null", "-"])


def measure(command: Sequence[str], *, memory: bool = False) -> Run:
    """Run a command to its end; the script ends if it fails. Sampling the memory slows the command down."""
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    peak = 0.0
    while process.poll() is None:
        if memory:
            peak = max(peak, sum(_proportional_mb(pid) for pid in (process.pid, *descendants(process.pid))))
            time.sleep(SAMPLE_SECONDS)
        else:
            time.sleep(0.01)
    seconds = time.perf_counter() - began
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with status {process.returncode}")
    return Run(seconds, peak)


def is_running(pid: int) -> bool:
    """Whether a process is there and has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def _proportional_mb(pid: int) -> float:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024
