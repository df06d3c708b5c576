"""How long does a text search take: cold in a new process, and warm, with 100,000 clips?

    python -m benchmarks.speed.query_latency

Cold: `jepa search TEXT`, a new process each time, the disk cache warm. Warm: `Library.search` in one process over
100,000 clips, the text encoding included.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from pathlib import Path

import numpy as np

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.processes import jepa_program
from benchmarks.shared.synthetic_index import fill_index
from jepa_retrieval.library import Library

QUERIES = ("a dog on the beach", "two men playing football", "a red car in the snow", "people at a wedding")


def main() -> None:
    """Measure both and print one table."""
    options = _arguments()
    table = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = options.folder or Path(temporary)
        for clips in (options.small, options.large):
            library = synthetic_library(folder / f"{clips} clips", clips=clips)
            cold = cold_searches(library, options.cold_runs)
            table.append([f"cold, `jepa search`, {clips:,} clips", *_row(cold)])
        warm = warm_searches(library, options.warm_runs)
        table.append([f"warm, `Library.search`, {clips:,} clips", *_row(warm)])
    print_table(["text search", "median ms", "90% ms", "worst ms", "runs"], table)
    print(save_result("query_latency", {"rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--small", type=int, default=1_000)
    parser.add_argument("--large", type=int, default=100_000)
    parser.add_argument("--cold-runs", type=int, default=15)
    parser.add_argument("--warm-runs", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="keep the indexes that are made here and use them again")
    return parser.parse_args()


def synthetic_library(folder: Path, *, clips: int) -> Path:
    """A library of synthetic clips in `folder`; an existing one is used as it is."""
    if not folder.exists():
        folder.mkdir(parents=True)
        fill_index(Library.create(folder, model="nano"), clips=clips)
    return folder


def cold_searches(folder: Path, runs: int) -> np.ndarray:
    """Seconds of `jepa search TEXT`, each in a new process, float [runs]."""
    times = []
    for run in range(runs + 1):  # the first one warms the disk cache
        began = time.perf_counter()
        arguments = [
            jepa_program(),
            "search",
            QUERIES[run % len(QUERIES)],
            "--index",
            str(folder / ".jepa"),
            "--json",
        ]
        subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
        times.append(time.perf_counter() - began)
    return np.array(times[1:])


def warm_searches(folder: Path, runs: int) -> np.ndarray:
    """Seconds of `Library.search` in this process, each with a text of its own, float [runs]."""
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
