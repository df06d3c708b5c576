"""DREAM-1K (Wang et al. 2024, Tarsier): 1,000 videos with one detailed description each.

FOLDER/DREAM-1k.jsonl    one object a line: "vid" and, in "messages", the reference description
FOLDER/.../VID.mp4       1.mp4 to 1000.mp4
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_json_lines, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = (
    "github.com/bytedance/tarsier (annotations) and huggingface.co/datasets/omni-research/DREAM-1K (videos)"
)


def parse(path: Path) -> list[Captioned]:
    """One description a video."""
    return [Captioned(str(row["vid"]), [_reference(row)]) for row in read_json_lines(path)]


def _reference(row: dict[str, Any]) -> str:
    parts = [part for message in row["messages"] for part in message["content"]]
    return next(str(part["reference"]) for part in parts if part["reference"])


def load(folder: Path) -> RetrievalSet:
    """1,000 videos."""
    rows = parse(require(folder, "DREAM-1k.jsonl", source=SOURCE))
    return retrieval_set("DREAM-1K", rows, MediaFolder(folder, source=SOURCE))
