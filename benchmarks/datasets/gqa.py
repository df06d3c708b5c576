"""GQA (Hudson and Manning 2019), testdev-balanced.

FOLDER/testdev_balanced_questions.json    {ID: {"imageId", "question", "answer", "types", ...}}
FOLDER/train_balanced_questions.json      its answers are the candidates; without it, those of testdev
FOLDER/images/IMAGE_ID.jpg
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Asked, question_set
from benchmarks.datasets.files import MediaFolder, find_file, read_json, require
from benchmarks.datasets.shapes import QuestionSet

SOURCE = "cs.stanford.edu/people/dorarad/gqa/download.html"


def parse(path: Path) -> list[Asked]:
    """One row a question; its kind is what the question is about: query, verify, logical, choose, compare."""
    return [
        Asked(str(row["imageId"]), row["question"], (row["answer"],), row["types"]["structural"])
        for row in read_json(path).values()
    ]


def load(folder: Path) -> QuestionSet:
    """12,578 questions."""
    rows = parse(require(folder, "testdev_balanced_questions.json", source=SOURCE))
    training = find_file(folder, "train_balanced_questions.json")
    known = parse(training) if training else rows
    return question_set(
        "GQA testdev-balanced",
        rows,
        MediaFolder(folder, source=SOURCE),
        candidates=tuple(sorted({row.answers[0] for row in known})),
        known=tuple((row.kind, row.answers[0]) for row in known) if known is not rows else (),
        note=f"candidates are the answers of {'the training part' if known is not rows else 'testdev itself'}",
    )
