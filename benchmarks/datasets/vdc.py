"""VDC (Chai et al. 2024, AuroraCap): 1,027 videos, described in detail.

FOLDER/VDC_1k.jsonl      one object a line: "video_name", "detailed_caption" and captions of other aspects
FOLDER/.../VIDEO_NAME
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_json_lines, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "huggingface.co/datasets/wchai/Video-Detailed-Caption"


def parse(path: Path) -> list[Captioned]:
    """The detailed caption of each video."""
    return [Captioned(row["video_name"], [row["detailed_caption"]]) for row in read_json_lines(path)]


def load(folder: Path) -> RetrievalSet:
    """1,027 videos."""
    rows = parse(require(folder, "VDC_1k.jsonl", source=SOURCE))
    return retrieval_set("VDC-1k", rows, MediaFolder(folder, source=SOURCE))
