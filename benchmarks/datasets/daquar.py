"""DAQUAR (Malinowski and Fritz 2014), evaluation questions with answers of one word.

FOLDER/data_eval.csv, data_train.csv    question, answer, image_id; several answers are joined by ", "
FOLDER/images/image399.png
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Asked, question_set
from benchmarks.datasets.files import MediaFolder, read_table, require
from benchmarks.datasets.shapes import QuestionSet

SOURCE = "DAQUAR (Max Planck Institute for Informatics; the CSV files are those of the Kaggle copy)"


def parse(path: Path) -> list[Asked]:
    """One row a question."""
    rows = read_table(path, ("question", "answer", "image_id"))
    return [Asked(row["image_id"], row["question"], (row["answer"],)) for row in rows]


def load(folder: Path) -> QuestionSet:
    """2,241 questions; candidates are the one-word answers of the training part."""
    rows = parse(require(folder, "data_eval.csv", source=SOURCE))
    asked = [row for row in rows if _is_one_word(row)]
    known = [row for row in parse(require(folder, "data_train.csv", source=SOURCE)) if _is_one_word(row)]
    return question_set(
        "DAQUAR eval, one-word answers",
        asked,
        MediaFolder(folder, source=SOURCE),
        candidates=tuple(sorted({row.answers[0] for row in known})),
        known=tuple(("", row.answers[0]) for row in known),
        note=f"{len(rows) - len(asked):,} questions with longer answers are left out; "
        "candidates are the one-word answers of the training part",
    )


def _is_one_word(row: Asked) -> bool:
    return len(row.answers[0].split()) == 1
