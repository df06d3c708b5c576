"""MSVD (Chen and Dolan 2011): the 670 test clips with all their captions.

FOLDER/msvd_caption_test.json    [{"video": "eyhzdC936uk_15_27.avi", "caption": ["...", ...]}, ...]
FOLDER/.../eyhzdC936uk_15_27.avi
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import retrieval_set
from benchmarks.datasets.files import MediaFolder, require
from benchmarks.datasets.msrvtt import parse_captions
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "MSVD (Microsoft Research Video Description Corpus; the JSON is that of snap-research/Panda-70M)"


def load(folder: Path) -> RetrievalSet:
    """670 clips, about 40 captions each; every caption is a query."""
    rows = parse_captions(require(folder, "msvd_caption_test.json", source=SOURCE))
    return retrieval_set("MSVD", rows, MediaFolder(folder, source=SOURCE))
