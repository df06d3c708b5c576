"""Caltech-101 (Fei-Fei et al. 2004): the folder of a picture is its class.

    FOLDER/[images or 101_ObjectCategories]/CLASS/image_0001.jpg

The class of background pictures is left out, as usual.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import MediaFolder, require, words
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "data.caltech.edu/records/mzrjq-6wc02"
BACKGROUND = "BACKGROUND_Google"


def parse(folder: Path) -> list[Labelled]:
    """One row a picture, named relative to `folder`."""
    rows = []
    for group in sorted(path for path in folder.iterdir() if path.is_dir() and path.name != BACKGROUND):
        rows += [Labelled(f"{group.name}/{path.name}", words(group.name)) for path in sorted(group.iterdir())]
    return rows


def load(folder: Path) -> ClassificationSet:
    """All pictures of 101 classes."""
    images = require(folder, "images", "101_ObjectCategories", source=SOURCE)
    rows = parse(images)
    return classification_set(
        "Caltech-101",
        rows,
        MediaFolder(images, source=SOURCE),
        classes=sorted({row.label for row in rows}),
        templates=("a photo of a {}.",),
    )
