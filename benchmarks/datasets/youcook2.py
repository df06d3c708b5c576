"""YouCook2 (Zhou et al. 2018), clip retrieval on the validation split, as MIL-NCE lists it.

FOLDER/validation_youcook.csv    end, start, task, text, video_id
FOLDER/.../VIDEO_ID.mp4          whole videos
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_table, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "github.com/antoine77340/MIL-NCE_HowTo100M (csv) and youcook2.eecs.umich.edu (videos)"


def parse(path: Path) -> list[Captioned]:
    """One row a clip."""
    rows = read_table(path, ("start", "end", "text", "video_id"))
    return [Captioned(row["video_id"], [row["text"]], float(row["start"]), float(row["end"])) for row in rows]


def load(folder: Path) -> RetrievalSet:
    """3,350 clips of 436 videos."""
    rows = parse(require(folder, "validation_youcook.csv", source=SOURCE))
    return retrieval_set("YouCook2 val", rows, MediaFolder(folder, source=SOURCE))
