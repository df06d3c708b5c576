"""Classifications compared with true labels: accuracy, figures per class, the confusion matrix."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.asking.classify import Classification
from jepa_retrieval.tasks.encoding.media_root import MediaRoot, same_name
from jepa_retrieval.text_files import read_text
from jepa_retrieval.user_paths import exists


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How well one class is distinguished from the others; shares are 0 to 1."""

    label: str
    number: int  # items of this class
    precision: float  # share of the items given the label that have it; 0 if none was given it
    recall: float  # share of the items that have the label and were given it
    f1: float  # harmonic mean of the two


@dataclass(frozen=True, slots=True)
class Evaluation:
    """How well items were classified."""

    items: int  # that the truth file names
    accuracy: float  # share whose best label is right, 0 to 1
    accuracy_top5: float  # share whose right label is among the best five that were kept
    classes: tuple[ClassFigures, ...]  # in the order of the candidates, those that the truth has
    labels: tuple[str, ...]  # rows and columns of the matrix
    confusion: tuple[tuple[int, ...], ...]  # confusion[i][j]: items of class i that were given label j
    unlabelled: tuple[str, ...]  # paths of items that the truth file does not name
    missing: tuple[str, ...]  # paths that it names and that were not classified


def read_true_labels(path: Path, *, media_root: MediaRoot, labels: Sequence[str]) -> dict[str, str]:
    """A CSV file of paths and labels, as stored path to label.

    A first line `path,label` is left out. Paths are relative to the media root, or to the CSV file's folder.

    Raises:
        UsageError: the file cannot be read, a line has no two columns, or a label is no candidate.
    """
    text = read_text(path)
    try:
        rows = [row for row in csv.reader(io.StringIO(text, newline="")) if any(map(str.strip, row))]
    except csv.Error as error:
        raise UsageError(f"{path}: not a CSV file ({error})") from error
    truth: dict[str, str] = {}
    for number, row in enumerate(rows):
        if len(row) < 2:
            raise UsageError(f"{path}: {','.join(row)!r} has no second column, the label")
        name, label = row[0].strip(), row[1].strip()
        if number == 0 and (name.lower(), label.lower()) == ("path", "label"):
            continue
        if label not in labels:
            shown = ", ".join(labels[:10]) + (f" and {len(labels) - 10} more" if len(labels) > 10 else "")
            raise UsageError(f"{path}: the label {label!r} is not among the candidates: {shown}")
        truth[_stored(name, path.parent, media_root)] = label
    if not truth:
        raise UsageError(f"{path}: names no files")
    return truth


def _stored(name: str, folder: Path, media_root: MediaRoot) -> str:
    here = media_root.folder / name
    beside = folder / name
    return media_root.to_text(beside if not exists(here) and exists(beside) else here)


def evaluate(found: Classification, truth: Mapping[str, str]) -> Evaluation:
    """Compare the best labels of items with the truth of their files.

    Raises:
        UsageError: the truth names none of the items.
    """
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    labels_of = {same_name(path): label for path, label in truth.items()}
    judged = [item for item in found.items if same_name(item.path) in labels_of]
    if not judged:
        raise UsageError("the truth names none of the classified files; paths are relative to the media root")
    right = [labels_of[same_name(item.path)] for item in judged]
    given = [item.labels[0].name for item in judged]
    labels = list(found.labels)
    precision, recall, f1, number = precision_recall_fscore_support(
        right, given, labels=labels, zero_division=0.0
    )
    classes = [
        ClassFigures(label, int(number[row]), float(precision[row]), float(recall[row]), float(f1[row]))
        for row, label in enumerate(labels)
        if number[row]
    ]
    among = [
        answer in [label.name for label in item.labels[:5]]
        for item, answer in zip(judged, right, strict=True)
    ]
    matrix = confusion_matrix(right, given, labels=labels)
    seen = {same_name(item.path): item.path for item in found.items}
    return Evaluation(
        items=len(judged),
        accuracy=float(np.mean([a == b for a, b in zip(right, given, strict=True)])),
        accuracy_top5=float(np.mean(among)),
        classes=tuple(classes),
        labels=found.labels,
        confusion=tuple(tuple(int(count) for count in row) for row in matrix),
        unlabelled=tuple(sorted(path for name, path in seen.items() if name not in labels_of)),
        missing=tuple(path for path in truth if same_name(path) not in seen),
    )
