"""MSR-VTT (Xu et al. 2016): the pairs of the 1k-A split, and the whole test split of 2,990 videos.

FOLDER/MSRVTT_JSFUSION_test.csv    key, vid_key, video_id, sentence; separated by commas or semicolons
FOLDER/msrvtt_caption_test.json    [{"video": "video7010.mp4", "caption": ["...", ...]}, ...]
FOLDER/.../video9770.mp4
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_json, read_table, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "MSR-VTT (Microsoft Research; the 1k-A list is JSFusion's, the JSON that of snap-research/Panda-70M)"


def parse_1ka(path: Path) -> list[Captioned]:
    """One sentence a video."""
    rows = read_table(path, ("video_id", "sentence"), separators=",;")
    return [Captioned(row["video_id"], [row["sentence"]]) for row in rows]


def parse_captions(path: Path) -> list[Captioned]:
    """All captions of each video; the format in which Panda-70M republished the MSR-VTT and MSVD test splits."""
    return [Captioned(row["video"], row["caption"]) for row in read_json(path)]


def load_1ka(folder: Path) -> RetrievalSet:
    """1,000 videos, one sentence each."""
    rows = parse_1ka(require(folder, "MSRVTT_JSFUSION_test.csv", source=SOURCE))
    return retrieval_set("MSR-VTT 1k-A", rows, MediaFolder(folder, source=SOURCE))


def load_full(folder: Path) -> RetrievalSet:
    """2,990 videos, 20 captions each."""
    rows = parse_captions(require(folder, "msrvtt_caption_test.json", source=SOURCE))
    return retrieval_set("MSR-VTT test", rows, MediaFolder(folder, source=SOURCE))
