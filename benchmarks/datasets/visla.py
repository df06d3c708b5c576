"""VISLA (Dumpala et al. 2024): two captions that mean the same, and one that does not.

    FOLDER/Generic_VISLA.tsv    filename, caption, second positive, negative_caption
    FOLDER/Spatial_VISLA.tsv    image, sent1, sent2, Best reference (Semantically close), Reference-2 (...)

The spatial file's last column, a sentence about other things, is not used: the close one is the hard negative.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.files import read_table, require
from benchmarks.datasets.shapes import Triplet, TripletSet

SOURCE = "github.com/Sri-Harsha/visla_benchmark"
GENERIC = ("caption", "second positive", "negative_caption")
SPATIAL = ("sent1", "sent2", "Best reference (Semantically close)")


def parse(path: Path, columns: tuple[str, str, str], subset: str) -> list[Triplet]:
    """One row a triplet; `columns` are those of the two captions and of the negative."""
    rows = read_table(path, columns, separators="\t")
    first, second, negative = columns
    return [Triplet(row[first].strip(), row[second].strip(), row[negative].strip(), subset) for row in rows]


def load(folder: Path) -> TripletSet:
    """973 generic and 652 spatial triplets."""
    generic = parse(require(folder, "Generic_VISLA.tsv", source=SOURCE), GENERIC, "generic")
    spatial = parse(require(folder, "Spatial_VISLA.tsv", source=SOURCE), SPATIAL, "spatial")
    return TripletSet("VISLA", (*generic, *spatial))
