"""POPE (Li et al. 2023) and RePOPE (Neuhaus and Hein 2025), its corrected labels: is there a thing in the image?

    FOLDER/coco_pope_random.json, coco_pope_popular.json, coco_pope_adversarial.json           for POPE
    FOLDER/coco_repope_random.json, coco_repope_popular.json, coco_repope_adversarial.json     for RePOPE
    FOLDER/.../COCO_val2014_000000310196.jpg

Files hold one object a line, or one array: "image", "text", "label".
"""

from __future__ import annotations

from functools import partial
from pathlib import Path

from benchmarks.datasets.builders import Asked, question_set
from benchmarks.datasets.files import MediaFolder, read_json_lines, require
from benchmarks.datasets.shapes import QuestionSet

SOURCES = {
    "pope": "github.com/RUCAIBox/POPE, output/coco (pictures: COCO val2014)",
    "repope": "github.com/YanNeu/RePOPE, annotations (pictures: COCO val2014)",
}
TITLES = {"pope": "POPE", "repope": "RePOPE"}
SETTINGS = ("random", "popular", "adversarial")
CANDIDATES = ("yes", "no")


def parse(path: Path, setting: str) -> list[Asked]:
    """One row a question; its kind is the setting that chose the absent things."""
    return [Asked(row["image"], row["text"], (row["label"],), setting) for row in read_json_lines(path)]


def load(folder: Path, version: str = "pope") -> QuestionSet:
    """3,000 questions of each setting; in RePOPE, fewer."""
    source = SOURCES[version]
    rows = [
        row
        for setting in SETTINGS
        for row in parse(require(folder, f"coco_{version}_{setting}.json", source=source), setting)
    ]
    media = MediaFolder(folder, source=source)
    return question_set(TITLES[version], rows, media, candidates=CANDIDATES, scoring="yes/no")


load_repope = partial(load, version="repope")
