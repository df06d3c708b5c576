"""UCSD pedestrians (Mahadevan et al., CVPR 2010), re-encoded as videos.

FOLDER/train/*.mp4            people walking: normal
FOLDER/test/*.mp4
FOLDER/abnormal_frames.tsv    file, first and last abnormal frame, from 1, inclusive; a file may have several rows
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.files import DataSetError, read_table, require
from benchmarks.datasets.shapes import AnomalySet, LabelledVideo

SOURCE = "www.svcl.ucsd.edu/projects/anomaly/dataset.htm"
FRAME_RATE = 10.0


def load(folder: Path) -> AnomalySet:
    """The training videos, and the test videos with their abnormal frames."""
    table = require(folder, "abnormal_frames.tsv", source=SOURCE)
    intervals: dict[str, list[tuple[int, int]]] = {}
    for number, row in enumerate(read_table(table, ("file", "first", "last"), separators="\t"), start=2):
        try:
            first, last = int(row["first"]), int(row["last"])
        except ValueError:
            raise DataSetError(f"{table}: line {number} must have two frame numbers") from None
        if not 1 <= first <= last:
            raise DataSetError(f"{table}: line {number}: frames {first} to {last} are no interval")
        intervals.setdefault(row["file"], []).append((first - 1, last - 1))
    training = tuple(sorted((folder / "train").glob("*.mp4")))
    tests = tuple(
        LabelledVideo(path, tuple(intervals.get(f"test/{path.name}", ())))
        for path in sorted((folder / "test").glob("*.mp4"))
    )
    if not training or not tests:
        raise DataSetError(f"{folder}: there are no videos in train/ or test/; the data come from {SOURCE}")
    return AnomalySet("UCSD Ped2", training, tests, FRAME_RATE, named=len(tests))
