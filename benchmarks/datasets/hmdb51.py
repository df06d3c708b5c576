"""HMDB51 (Kuehne et al. 2011), test videos of split 1.

FOLDER/testTrainMulti_7030_splits/brush_hair_test_split1.txt    NAME.avi 0, 1 or 2; 2 is test
FOLDER/.../[brush_hair/]NAME.avi
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import DataSetError, MediaFolder, read_lines, require, words
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database"
TEST = "2"
ENDING = "_test_split1.txt"


def parse(folder: Path) -> list[Labelled]:
    """The test videos of all lists in `folder`."""
    rows = []
    for path in sorted(folder.glob(f"*{ENDING}")):
        label = path.name.removesuffix(ENDING)
        for line in read_lines(path):
            name, part = line.rsplit(maxsplit=1)
            if part == TEST:
                rows.append(Labelled(f"{label}/{name}", words(label)))
    if not rows:
        raise DataSetError(f"{folder}: has no lists *{ENDING}; they come from {SOURCE}")
    return rows


def load(folder: Path) -> ClassificationSet:
    """1,530 videos of 51 classes."""
    rows = parse(require(folder, "testTrainMulti_7030_splits", source=SOURCE))
    classes = sorted({row.label for row in rows})
    return classification_set("HMDB51 split 1", rows, MediaFolder(folder, source=SOURCE), classes=classes)
