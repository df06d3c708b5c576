"""HMDB51 (Kuehne et al. 2011), test videos of one of three splits; papers report split 1, or the mean of all.

FOLDER/testTrainMulti_7030_splits/brush_hair_test_split1.txt    NAME.avi 0, 1 or 2; 2 is test
FOLDER/.../[brush_hair/]NAME.avi
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import DataSetError, MediaFolder, read_lines, require, words
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "serre-lab.clps.brown.edu/resource/hmdb-a-large-human-motion-database"
TEST = "2"


def parse(folder: Path, split: int = 1) -> list[Labelled]:
    """The test videos of all lists in `folder`."""
    ending = f"_test_split{split}.txt"
    rows = []
    for path in sorted(folder.glob(f"*{ending}")):
        label = path.name.removesuffix(ending)
        for line in read_lines(path):
            name, part = line.rsplit(maxsplit=1)
            if part == TEST:
                rows.append(Labelled(f"{label}/{name}", words(label)))
    if not rows:
        raise DataSetError(f"{folder}: has no lists *{ending}; they come from {SOURCE}")
    return rows


def load(folder: Path, split: int = 1) -> ClassificationSet:
    """1,530 videos of 51 classes."""
    rows = parse(require(folder, "testTrainMulti_7030_splits", source=SOURCE), split)
    classes = sorted({row.label for row in rows})
    media = MediaFolder(folder, source=SOURCE)
    return classification_set(f"HMDB51 split {split}", rows, media, classes=classes)


load_2 = partial(load, split=2)
load_3 = partial(load, split=3)
