"""ActivityNet Captions (Krishna et al. 2017), val_1, paragraph to video: joined sentences of a video are one query.

FOLDER/activitynet_captions_val_1.json (or val_1.json)    {"v_ID": {"duration", "timestamps", "sentences"}, ...}
FOLDER/.../v_ID.mp4
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_json, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "cs.stanford.edu/people/ranjaykrishna/densevid (captions) and activity-net.org (videos)"


def parse(path: Path) -> list[Captioned]:
    """One paragraph a video."""
    return [
        Captioned(video, [" ".join(sentence.strip() for sentence in row["sentences"])])
        for video, row in read_json(path).items()
    ]


def load(folder: Path) -> RetrievalSet:
    """4,917 videos."""
    rows = parse(require(folder, "activitynet_captions_val_1.json", "val_1.json", source=SOURCE))
    return retrieval_set("ActivityNet Captions val_1", rows, MediaFolder(folder, source=SOURCE))
