"""Kinetics-400 (Kay et al. 2017), validation split.

FOLDER/val.csv (or validate.csv)    label, youtube_id, time_start, time_end, split, ...
FOLDER/.../[LABEL/]ID_000010_000020.mp4    as the CVD Foundation and the official crawler name the clips
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import MediaFolder, read_table, require
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "github.com/cvdfoundation/kinetics-dataset"


def parse(path: Path) -> list[Labelled]:
    """One row a clip; the file's name holds the YouTube id and both times."""
    rows = read_table(path, ("label", "youtube_id", "time_start", "time_end"))
    return [Labelled(_name(row), row["label"]) for row in rows]


def _name(row: dict[str, str]) -> str:
    start, end = (round(float(row[key])) for key in ("time_start", "time_end"))
    return f"{row['youtube_id']}_{start:06d}_{end:06d}"


def load(folder: Path) -> ClassificationSet:
    """About 20,000 clips of 400 classes."""
    rows = parse(require(folder, "val.csv", "validate.csv", source=SOURCE))
    classes = sorted({row.label for row in rows})
    return classification_set("Kinetics-400 val", rows, MediaFolder(folder, source=SOURCE), classes=classes)
