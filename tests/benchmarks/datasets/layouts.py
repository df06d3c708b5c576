"""Data sets of a few empty files in their published layouts, for the tests of adapters."""

import json
from collections.abc import Mapping
from pathlib import Path

from benchmarks.datasets import registry
from benchmarks.datasets.shapes import (
    ClassificationSet,
    QuestionSet,
    RetrievalSet,
)


def lay_out(folder: Path, files: Mapping[str, object]) -> Path:
    """Write files: texts as they are, other documents as JSON, None as an empty file of media."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if content is None:
            path.touch()
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return folder


def load(task: str, name: str, folder: Path) -> object:
    return registry.find(task, name).load(folder)


def retrieval(name: str, folder: Path) -> RetrievalSet:
    data = load("retrieval", name, folder)
    assert isinstance(data, RetrievalSet)
    return data


def classification(name: str, folder: Path) -> ClassificationSet:
    data = load("classification", name, folder)
    assert isinstance(data, ClassificationSet)
    return data


def questions(name: str, folder: Path) -> QuestionSet:
    data = load("questions", name, folder)
    assert isinstance(data, QuestionSet)
    return data


def labelled(data: ClassificationSet) -> list[tuple[str, str]]:
    """(file, label) of each clip."""
    return [
        (clip.path.name, data.classes[label]) for clip, label in zip(data.clips, data.labels, strict=True)
    ]
