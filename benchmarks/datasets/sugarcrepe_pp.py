"""SugarCrepe++ (Dumpala et al. 2024): two captions that mean the same, and one that is worded alike but does not.

FOLDER/replace_att.json, replace_obj.json, replace_rel.json, swap_att.json, swap_obj.json
       [{"caption", "caption2", "negative_caption", ...}, ...]
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.files import read_json, require
from benchmarks.datasets.shapes import Triplet, TripletSet

SOURCE = "github.com/Sri-Harsha/scpp, data"
SUBSETS = {
    "replace_att": "replace attribute",
    "replace_obj": "replace object",
    "replace_rel": "replace relation",
    "swap_att": "swap attribute",
    "swap_obj": "swap object",
}


def parse(path: Path, subset: str) -> list[Triplet]:
    """One row a triplet."""
    return [
        Triplet(row["caption"], row["caption2"], row["negative_caption"], subset) for row in read_json(path)
    ]


def load(folder: Path) -> TripletSet:
    """4,757 triplets in five subsets."""
    triplets = [
        triplet
        for name, subset in SUBSETS.items()
        for triplet in parse(require(folder, f"{name}.json", source=SOURCE), subset)
    ]
    return TripletSet("SugarCrepe++", tuple(triplets))
