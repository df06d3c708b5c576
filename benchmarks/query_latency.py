"""How long a text search takes: cold in a new process, warm with 100,000 clips.

    python -m benchmarks.query_latency

Cold: `jepa search TEXT`, a new process each time, the disk cache warm. Warm: `Library.search` in one process over
100,000 clips, the text encoding included.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.common import print_table, save_result
from benchmarks.made_index import fill_index
from jepa_retrieval.library import Library

QUERIES = ("a dog on the beach", "two men playing football", "a red car in the snow", "people at a wedding")


def main() -> None:
    """Measure both and print one table."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        small = _make(Path(folder) / "small", clips=options.small)
        large = _make(Path(folder) / "large", clips=options.large)
        table = [
            [f"cold, `jepa search`, {options.small:,} clips", *_row(_cold(small, options.cold_runs))],
            [f"cold, `jepa search`, {options.large:,} clips", *_row(_cold(large, options.cold_runs))],
            [f"warm, `Library.search`, {options.large:,} clips", *_row(_warm(large, options.warm_runs))],
        ]
    print_table(["text search", "median ms", "90% ms", "worst ms", "runs"], table)
    print(save_result("query_latency", {"rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--cold-runs", type=int, default=15)
    parser.add_argument("--warm-runs", type=int, default=200)
    return parser.parse_args()


def _make(folder: Path, *, clips: int) -> Path:
    library = Library.create(folder, model="nano")
    fill_index(library, clips=clips)
    return folder


def _cold(folder: Path, runs: int) -> np.ndarray:
    command = shutil.which("jepa", path=str(Path(sys.executable).parent)) or "jepa"
    times = []
    for run in range(runs + 1):  # the first one warms the disk cache
        began = time.perf_counter()
        arguments = [
            command,
            "search",
            QUERIES[run % len(QUERIES)],
            "--index",
            str(folder / ".jepa"),
            "--json",
        ]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return np.array(times[1:])


def _warm(folder: Path, runs: int) -> np.ndarray:
    library = Library.open(folder)
    library.search(QUERIES[0])
    times = []
    for run in range(runs):
        began = time.perf_counter()
        library.search(f"{QUERIES[run % len(QUERIES)]}, number {run}")
        times.append(time.perf_counter() - began)
    return np.array(times)


def _row(seconds: np.ndarray) -> list[object]:
    milliseconds = seconds * 1000
    figures = (np.median(milliseconds), np.percentile(milliseconds, 90), milliseconds.max())
    return [*(f"{value:.1f}" for value in figures), len(seconds)]


if __name__ == "__main__":
    main()
