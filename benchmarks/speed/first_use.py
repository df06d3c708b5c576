"""How long does the first use of `jepa` on a machine take, with an empty cache?

    python -m benchmarks.speed.first_use [--runs 3] [--conversion]

A video of three seconds is indexed and searched, each in a new process with an empty cache of its own and once more
with the cache that this filled. With `--conversion`, the same without the topologies that come with nano: PyTorch
converts its graphs, as it does for other models.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.processes import jepa_program, measure
from benchmarks.shared.small_media import make_media
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.runtime.topologies import TOPOLOGIES


class Use(NamedTuple):
    """One command in a new process."""

    seconds: float  # from its start to its end
    processor: float  # seconds of all its processes on all cores


class Pair(NamedTuple):
    """The same command twice."""

    command: str
    first: Use  # with an empty cache
    second: Use


def main() -> None:
    """Measure, print."""
    options = _arguments()
    models = {"nano": "nano"}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        if options.conversion:
            models["nano without topologies"] = without_topologies(folder)
        load = os.getloadavg()[0]
        pairs = {
            title: [
                median([run[number] for run in runs])
                for runs in [[measure_model(folder / f"{title} {run}", model) for run in range(options.runs)]]
                for number in (0, 1)
            ]
            for title, model in models.items()
        }
    rows = [
        [title, pair.command, *(f"{value:.1f}" for value in (*pair.first, *pair.second))]
        for title, both in pairs.items()
        for pair in both
    ]
    columns = ["model", "command", "first, s", "processor", "second, s", "processor"]
    print(f"medians of {options.runs}, load average {load:.1f} on {os.cpu_count()} cores")
    print_table(columns, rows)
    print(save_result("first_use", {"load": load, "runs": options.runs, "columns": columns, "rows": rows}))


def measure_model(folder: Path, model: str) -> list[Pair]:
    """Index and search a small video with a model, in a new folder."""
    folder.mkdir()
    video = make_media(folder / "video.mp4", random=np.random.default_rng(0), side=320)
    index = str(folder / "index")

    def index_video() -> list[str]:
        shutil.rmtree(index, ignore_errors=True)
        return [jepa_program(), "--quiet", "index", str(video), "--index", index, "--model", model]

    def search() -> list[str]:
        return [jepa_program(), "search", "a dog on the beach", "--index", index, "--json"]

    return [
        Pair("jepa index FILE", *_twice(index_video, folder / "cache of index")),
        Pair("jepa search TEXT", *_twice(search, folder / "cache of search")),
    ]


def median(pairs: list[Pair]) -> Pair:
    """The median of each figure."""
    first, second = (Use(*np.median([pair[number] for pair in pairs], axis=0).tolist()) for number in (1, 2))
    return Pair(pairs[0].command, first, second)


def without_topologies(folder: Path) -> str:
    """The name of a copy of nano that has only its weights."""
    copy = folder / "nano"
    shutil.copytree(WEIGHTS / "nano", copy, ignore=shutil.ignore_patterns(TOPOLOGIES))
    return f"local:{copy}"


def _twice(command: Callable[[], list[str]], cache: Path) -> tuple[Use, Use]:
    os.environ["JEPA_CACHE"] = str(cache)
    first, second = _use(command()), _use(command())
    return first, second


def _use(command: list[str]) -> Use:
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    run = measure(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Use(run.seconds, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--conversion", action="store_true", help="also without the topologies")
    return parser.parse_args()


if __name__ == "__main__":
    main()
