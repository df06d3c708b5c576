"""UCF101 (Soomro et al. 2012), test list of split 1.

FOLDER/[ucfTrainTestlist/]testlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi, one a line
FOLDER/[ucfTrainTestlist/]classInd.txt      1 ApplyEyeMakeup
FOLDER/.../v_ApplyEyeMakeup_g01_c01.avi
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import MediaFolder, read_lines, require, words
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "crcv.ucf.edu/data/UCF101.php"


def parse(path: Path) -> list[Labelled]:
    """One video a line, its folder being the class; train lists have a number behind it."""
    names = [line.split()[0] for line in read_lines(path)]
    return [Labelled(name, words(name.split("/")[0])) for name in names]


def parse_classes(path: Path) -> list[str]:
    """The 101 classes as words, in the order of their numbers."""
    return [words(line.split()[-1]) for line in read_lines(path)]


def load(folder: Path) -> ClassificationSet:
    """3,783 videos of 101 classes."""
    lists = "ucfTrainTestlist"
    rows = parse(require(folder, f"{lists}/testlist01.txt", "testlist01.txt", source=SOURCE))
    classes = parse_classes(require(folder, f"{lists}/classInd.txt", "classInd.txt", source=SOURCE))
    return classification_set("UCF101 split 1", rows, MediaFolder(folder, source=SOURCE), classes=classes)
