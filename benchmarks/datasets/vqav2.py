"""VQAv2 (Goyal et al. 2017), validation split: ten human answers a question.

FOLDER/v2_OpenEnded_mscoco_val2014_questions.json    {"questions": [{"question_id", "image_id", "question"}]}
FOLDER/v2_mscoco_val2014_annotations.json            {"annotations": [{"question_id", "answers", ...}]}
FOLDER/v2_mscoco_train2014_annotations.json          its commonest answers are the candidates
FOLDER/.../COCO_val2014_000000262148.jpg
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from benchmarks.datasets.builders import Asked, question_set
from benchmarks.datasets.files import MediaFolder, read_json, require
from benchmarks.datasets.shapes import QuestionSet

SOURCE = "visualqa.org/download.html"
CANDIDATES = 3129  # answers that are given at least nine times in train and val, the usual vocabulary


def parse(questions: Path, annotations: Path) -> list[Asked]:
    """One row a question; its kind is the type of its answer: yes/no, number, other."""
    answered = {row["question_id"]: row for row in read_json(annotations)["annotations"]}
    rows = []
    for row in read_json(questions)["questions"]:
        found = answered[row["question_id"]]
        answers = tuple(answer["answer"] for answer in found["answers"])
        image = f"COCO_val2014_{row['image_id']:012d}.jpg"
        rows.append(Asked(image, row["question"], answers, found["answer_type"]))
    return rows


def parse_known(path: Path) -> list[tuple[str, str]]:
    """(type, commonest answer) of each training question."""
    return [(row["answer_type"], row["multiple_choice_answer"]) for row in read_json(path)["annotations"]]


def load(folder: Path) -> QuestionSet:
    """214,354 questions; candidates are the 3,129 commonest training answers."""
    rows = parse(
        require(folder, "v2_OpenEnded_mscoco_val2014_questions.json", source=SOURCE),
        require(folder, "v2_mscoco_val2014_annotations.json", source=SOURCE),
    )
    known = parse_known(require(folder, "v2_mscoco_train2014_annotations.json", source=SOURCE))
    commonest = Counter(answer for _, answer in known).most_common(CANDIDATES)
    return question_set(
        "VQAv2 val",
        rows,
        MediaFolder(folder, source=SOURCE),
        candidates=tuple(answer for answer, _ in commonest),
        known=tuple(known),
        scoring="vqa",
        note=f"candidates are the {len(commonest):,} commonest answers of the training part",
    )
