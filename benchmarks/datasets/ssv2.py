"""Something-Something v2 (Goyal et al. 2017), validation split.

FOLDER/something-something-v2-validation.json (or validation.json)    [{"id", "template", ...}, ...]
FOLDER/something-something-v2-labels.json (or labels.json)            {"Approaching something ...": "0", ...}
FOLDER/.../ID.webm
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Labelled, classification_set
from benchmarks.datasets.files import MediaFolder, read_json, require
from benchmarks.datasets.shapes import ClassificationSet

SOURCE = "Qualcomm, developer.qualcomm.com/software/ai-datasets/something-something"


def parse(path: Path) -> list[Labelled]:
    """One row a video; the class is its template without the brackets."""
    return [Labelled(str(row["id"]), _plain(row["template"])) for row in read_json(path)]


def parse_classes(path: Path) -> list[str]:
    """The 174 classes in the order of their numbers."""
    labels = read_json(path)
    return sorted(labels, key=lambda text: int(labels[text]))


def _plain(template: str) -> str:
    return template.replace("[", "").replace("]", "")


def load(folder: Path) -> ClassificationSet:
    """24,777 videos of 174 classes."""
    rows = parse(require(folder, "something-something-v2-validation.json", "validation.json", source=SOURCE))
    classes = parse_classes(
        require(folder, "something-something-v2-labels.json", "labels.json", source=SOURCE)
    )
    title = "Something-Something v2 val"
    return classification_set(title, rows, MediaFolder(folder, source=SOURCE), classes=classes)
