"""How long a second `jepa index` takes when nothing has changed.

    python -m benchmarks.reindex_unchanged [--files 10000]

Makes tiny photographs, indexes them with `jepa index`, then runs the same command again.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image

from benchmarks.common import print_table, save_result, timed


def main() -> None:
    """Index twice and print both times."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        media = Path(folder)
        _make_photographs(media, options.files)
        rows = [_run(media, "first run"), *(_run(media, "second run, nothing changed") for _ in range(3))]
    print_table(["`jepa index`, tiny photographs", "seconds", "indexed", "unchanged"], rows)
    print(save_result("reindex_unchanged", {"files": options.files, "rows": rows}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--files", type=int, default=10_000)
    return parser.parse_args()


def _make_photographs(folder: Path, count: int) -> None:
    random = np.random.default_rng(0)
    for number in range(count):
        place = folder / f"{number // 500:03}"
        place.mkdir(exist_ok=True)
        Image.fromarray(random.integers(0, 255, (16, 16, 3), np.uint8)).save(place / f"{number:05}.png")


def _run(folder: Path, name: str) -> list[object]:
    command = shutil.which("jepa", path=str(Path(sys.executable).parent)) or "jepa"
    with timed() as run:
        done = subprocess.run(
            [command, "index", str(folder), "--json"], check=True, capture_output=True, text=True
        )
    report = json.loads(done.stdout)
    return [name, f"{run.seconds:.2f}", report["indexed"], report["unchanged"]]


if __name__ == "__main__":
    main()
