"""TallyQA (Acharya et al. 2019), test split: how many.

FOLDER/test.json     [{"image", "question", "answer", "issimple", ...}, ...]
FOLDER/IMAGE         VG_100K/..., VG_100K_2/... of Visual Genome and val2014/... of COCO
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Asked, question_set
from benchmarks.datasets.files import MediaFolder, read_json, require
from benchmarks.datasets.shapes import QuestionSet

SOURCE = "github.com/manoja328/TallyQA_dataset"
MAX_COUNT = 15  # the largest count in the data set


def parse(path: Path) -> list[Asked]:
    """One row a question; its kind is "simple" or "complex". The accuracy of all weighs the two by their number."""
    return [
        Asked(
            row["image"], row["question"], (str(row["answer"]),), "simple" if row["issimple"] else "complex"
        )
        for row in read_json(path)
    ]


def load(folder: Path) -> QuestionSet:
    """38,589 questions; candidates are the numbers 0 to 15."""
    rows = parse(require(folder, "test.json", source=SOURCE))
    return question_set(
        "TallyQA test",
        rows,
        MediaFolder(folder, source=SOURCE),
        candidates=tuple(str(count) for count in range(MAX_COUNT + 1)),
        note=f"candidates are the numbers 0 to {MAX_COUNT}",
    )
