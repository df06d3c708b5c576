"""Sample clips of Panda-70M (Chen et al. 2024), one caption each.

FOLDER/MANIFEST.tsv    file, caption, category, ...
FOLDER/FILE
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.builders import Captioned, retrieval_set
from benchmarks.datasets.files import MediaFolder, read_table, require
from benchmarks.datasets.shapes import RetrievalSet

SOURCE = "github.com/snap-research/Panda-70M, docs/assets/samples"
SYNTHETIC = "Gaming and 3D Rendering"  # no photographs: its clips are also left out, for a second figure


def load(folder: Path) -> RetrievalSet:
    """132 clips, and a smaller pool without the category "Gaming and 3D Rendering"."""
    rows = read_table(
        require(folder, "MANIFEST.tsv", source=SOURCE), ("file", "caption", "category"), separators="\t"
    )
    category = {row["file"]: row["category"] for row in rows}
    return retrieval_set(
        "Panda-70M samples",
        [Captioned(row["file"], [row["caption"]]) for row in rows],
        MediaFolder(folder, source=SOURCE),
        subsets={f"without {SYNTHETIC!r}": lambda row: category[row.name] != SYNTHETIC},
    )
