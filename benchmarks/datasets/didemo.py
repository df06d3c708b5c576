"""DiDeMo (Hendricks et al. 2017), paragraph to video: all descriptions of a video, joined, are one query.

    FOLDER/test_data.json, val_data.json    [{"video": "...mov", "description": "...", ...}, ...]
    FOLDER/.../35034348999@N01_6060447507_dc1a90b8ef.mov

Annotations cover the first 30 seconds (six segments of five), so only those are shown to the model.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_json, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "github.com/LisaAnne/LocalizingMoments (annotations) and YFCC100M (videos)"
ANNOTATED_SECONDS = 30.0


def parse(path: Path) -> list[Captioned]:
    """One paragraph a video, descriptions in the order of the file."""
    descriptions: dict[str, list[str]] = {}
    for row in read_json(path):
        descriptions.setdefault(row["video"], []).append(row["description"].strip())
    return [
        Captioned(video, [" ".join(texts)], 0.0, ANNOTATED_SECONDS) for video, texts in descriptions.items()
    ]


def load(folder: Path) -> RetrievalSet:
    """The test split."""
    rows = parse(require(folder, "test_data.json", source=SOURCE))
    return retrieval_set("DiDeMo test", rows, MediaFolder(folder, source=SOURCE))


def load_val(folder: Path) -> RetrievalSet:
    """The validation split."""
    rows = parse(require(folder, "val_data.json", source=SOURCE))
    return retrieval_set("DiDeMo val", rows, MediaFolder(folder, source=SOURCE))
