"""VQAv2 questions about a few COCO train2014 pictures, one answer each: the fifth that nano's recipe holds out.

FOLDER/vqav2_on_coco5k.jsonl    one object a line: "image", "question", "answer", "answer_type"
FOLDER/images/COCO_train2014_000000032738.jpg
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Asked, question_set
from benchmarks.datasets.files import MediaFolder, read_json_lines, require
from benchmarks.datasets.shapes import QuestionSet
from jepa_retrieval.training.data.examples import held_out

SOURCE = "the questions of visualqa.org on pictures of cocodataset.org"
HOLD_OUT = 0.2  # as in the recipe nano_sft.toml: split by a hash of the picture's name


def parse(path: Path) -> list[Asked]:
    """One row a question; its kind is the type of its answer: yes/no, number, other."""
    return [
        Asked(row["image"], row["question"], (row["answer"],), row["answer_type"])
        for row in read_json_lines(path)
    ]


def load(folder: Path) -> QuestionSet:
    """Questions about the pictures that are held out; candidates are the answers about the others."""
    rows = parse(require(folder, "vqav2_on_coco5k.jsonl", source=SOURCE))
    asked = [row for row in rows if held_out(row.image, HOLD_OUT)]
    known = [row for row in rows if not held_out(row.image, HOLD_OUT)]
    return question_set(
        "VQAv2 on coco5k, held-out pictures",
        asked,
        MediaFolder(folder, source=SOURCE),
        candidates=tuple(sorted({row.answers[0] for row in known})),
        known=tuple((row.kind, row.answers[0]) for row in known),
        note="candidates are the answers about the pictures that are not held out",
    )
