"""IntPhys 2 (Bordes et al. 2025): pairs of rendered videos, of which one shows something impossible.

FOLDER/Debug/metadata.csv    SceneIndex, type, condition, file_name, ...
FOLDER/Debug/...mp4          as the table names them
FOLDER/Main/...              likewise

A type is 1_Possible, 1_Impossible, 2_Possible or 2_Impossible: the number tells which videos of a scene are a pair.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.files import DataSetError, MediaFolder, read_table, require
from benchmarks.datasets.shapes import PhysicsPair, PhysicsSet

SOURCE = "github.com/facebookresearch/IntPhys2"
TABLE = "metadata.csv"
COLUMNS = ("SceneIndex", "type", "condition", "file_name")


def load_debug(folder: Path) -> PhysicsSet:
    """The 60 videos to try things on."""
    return _load(folder, "Debug")


def load_main(folder: Path) -> PhysicsSet:
    """The 1,012 videos that are reported on."""
    return _load(folder, "Main")


def _load(folder: Path, part: str) -> PhysicsSet:
    table = require(folder, f"{part}/{TABLE}", source=SOURCE)
    media = MediaFolder(table.parent, source=SOURCE)
    videos: dict[tuple[str, str], dict[str, Path | None]] = {}
    kinds: dict[tuple[str, str], str] = {}
    for number, row in enumerate(read_table(table, COLUMNS), start=2):
        which, _, verdict = row["type"].partition("_")
        if verdict not in ("Possible", "Impossible") or not which.isdigit():
            raise DataSetError(
                f"{table}: line {number}: type is {row['type']!r} (allowed: 1_Possible, 1_Impossible, ...)"
            )
        pair = row["SceneIndex"], which
        if verdict in videos.setdefault(pair, {}):
            raise DataSetError(
                f"{table}: line {number}: scene {pair[0]} has two videos of type {row['type']}"
            )
        videos[pair][verdict] = media.find(row["file_name"])
        kinds[pair] = row["condition"]
    pairs = []
    for pair, found in videos.items():
        possible, impossible = found.get("Possible"), found.get("Impossible")
        if possible is not None and impossible is not None:
            pairs.append(PhysicsPair(possible, impossible, kinds[pair]))
    if not pairs:
        raise media.missing("pairs of videos", f"those of {TABLE}")
    return PhysicsSet(f"IntPhys 2, {part}", tuple(pairs), named=len(videos))
