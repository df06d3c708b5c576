"""What benchmark scripts share: the data folder, the machine's name, tables and JSON results."""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import jepa_retrieval
from benchmarks.datasets.location import REPOSITORY, shared_folder
from jepa_retrieval.tasks.searching.words import straight_quotes

RESULTS = Path("results")  # in the working directory


def shared_data() -> Path:
    """The folder of third-party data; the script ends without it."""
    return shared_folder() or sys.exit(
        "set JEPA_SHARED to the folder whose folder `data` holds the benchmark data"
    )


def machine() -> str:
    """Processor, cores and system in one line."""
    name = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            name = line.split(":", 1)[1].strip()
            break
    system = f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"
    return f"{name}, {os.cpu_count()} cores, {system}"


def code_version() -> str:
    """The commit of this checkout, with "+" if files differ from it; outside a checkout the installed version."""
    if not (REPOSITORY / ".git").exists():
        return f"jepa-retrieval {jepa_retrieval.__version__}"
    command = ["git", "-C", str(REPOSITORY), "describe", "--always", "--dirty=+"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


@dataclass(slots=True)
class Timer:
    """Wall time of a `with timed()` block, in seconds."""

    seconds: float = 0.0


@contextmanager
def timed() -> Iterator[Timer]:
    """Measure the wall time of a block."""
    timer = Timer()
    began = time.perf_counter()
    yield timer
    timer.seconds = time.perf_counter() - began


def markdown_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> list[str]:
    """The lines of a Markdown table."""
    cells = [[str(value) for value in row] for row in (headings, *rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(headings))]
    lines = [
        "| " + " | ".join(value.ljust(w) for value, w in zip(row, widths, strict=True)) + " |"
        for row in cells
    ]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in widths) + "|")
    return lines


def print_table(headings: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Print a Markdown table, ready for the documentation."""
    print("\n".join(markdown_table(headings, rows)))


def save_result(name: str, result: dict[str, object], *, folder: Path = RESULTS) -> Path:
    """Write `FOLDER/NAME.json` with the machine and the code version."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.json"
    document = {"machine": machine(), "code": code_version(), **result}
    unfinished = path.with_suffix(".json.new")
    unfinished.write_text(json.dumps(document, indent=2) + "\n")
    unfinished.replace(path)
    return path


def unquoted(caption: str) -> str:
    """A caption to be found in pictures: without quotes, which ask for words that are said or written."""
    return straight_quotes(caption).replace('"', " ")
