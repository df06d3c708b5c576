"""PVD-Bench: the test videos of the PE Video Dataset that have a caption by a human (Bolya et al. 2025).

    FOLDER/.../NAME.json    {"human_caption": "...", ...}
    FOLDER/.../NAME.mp4     beside it

It is published as tar shards under `test/`; unpack them first: for t in test/*.tar; do tar xf "$t" -C FOLDER; done
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import DataSetError, MediaFolder, read_json
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "huggingface.co/datasets/facebook/PE-Video, folder test"


def parse(folder: Path) -> Iterator[Captioned]:
    """One caption a video; videos without one by a human are left out."""
    for path in sorted(folder.rglob("*.json")):
        row = read_json(path)
        caption = row.get("human_caption") if isinstance(row, dict) else None
        if caption:
            yield Captioned(str(path.relative_to(folder).with_suffix(".mp4")), [caption])


def load(folder: Path) -> RetrievalSet:
    """15,000 videos."""
    media = MediaFolder(folder, source=SOURCE)
    rows = list(parse(folder))
    if not rows:
        hint = "unpack the tar shards first; " if any(folder.rglob("*.tar")) else ""
        raise DataSetError(f"{folder}: no NAME.json with a human_caption; {hint}they come from {SOURCE}")
    return retrieval_set("PVD-Bench", rows, media)
