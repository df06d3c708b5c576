"""UCF101 (Soomro et al. 2012), test list of one of three splits; papers report split 1, or the mean of all.

FOLDER/[ucfTrainTestlist/]testlist01.txt    ApplyEyeMakeup/v_ApplyEyeMakeup_g01_c01.avi, one a line
FOLDER/[ucfTrainTestlist/]classInd.txt      1 ApplyEyeMakeup
FOLDER/.../v_ApplyEyeMakeup_g01_c01.avi
"""

from __future__ import annotations

from functools import partial
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


def load(folder: Path, split: int = 1) -> ClassificationSet:
    """3,783 videos of 101 classes; 3,734 in split 2, 3,696 in split 3."""
    rows = parse(require(folder, f"testlist{split:02d}.txt", source=SOURCE))
    classes = parse_classes(require(folder, "classInd.txt", source=SOURCE))
    media = MediaFolder(folder, source=SOURCE)
    return classification_set(f"UCF101 split {split}", rows, media, classes=classes)


load_2 = partial(load, split=2)
load_3 = partial(load, split=3)
