"""How long does a second `jepa index` take when nothing has changed?

    python -m benchmarks.speed.reindex_unchanged [--files 10000]

Makes tiny photographs, indexes them with `jepa index`, then runs the same command again.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import tempfile
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from benchmarks.shared.common import print_table, save_result, timed
from benchmarks.shared.processes import jepa_program


class Run(NamedTuple):
    """One `jepa index` of the folder."""

    name: str
    seconds: float
    indexed: int
    unchanged: int


def main() -> None:
    """Index twice and print both times."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        runs = measure(Path(folder), files=options.files)
    rows = [[name, f"{seconds:.2f}", indexed, unchanged] for name, seconds, indexed, unchanged in runs]
    print_table(["`jepa index`, tiny photographs", "seconds", "indexed", "unchanged"], rows)
    print(save_result("reindex_unchanged", {"files": options.files, "rows": rows}))


def measure(folder: Path, *, files: int, again: int = 3) -> list[Run]:
    """Make photographs in `folder`, index them, then index them `again` times."""
    _make_photographs(folder, files)
    first = _run(folder, "first run")
    return [first, *(_run(folder, "second run, nothing changed") for _ in range(again))]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=10_000)
    return parser.parse_args()


def _make_photographs(folder: Path, count: int) -> None:
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // 500:03}"
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(place / f"{number:05}.png")


def _run(folder: Path, name: str) -> Run:
    with timed() as run:
        done = subprocess.run(
            [jepa_program(), "index", str(folder), "--json"], check=True, capture_output=True, text=True
        )
    report = json.loads(done.stdout)
    return Run(name, run.seconds, report["indexed"], report["unchanged"])


if __name__ == "__main__":
    main()
