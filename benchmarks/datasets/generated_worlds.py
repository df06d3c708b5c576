"""Worlds that `benchmarks.shared.worlds` makes: nothing is read from a folder."""

from __future__ import annotations

from pathlib import Path

from benchmarks.datasets.shapes import GeneratedPair, GeneratedWorlds

SOURCE = "made by the benchmark"
EVENTS = ("vanish", "teleport", "colour", "shape", "wall", "stop")  # impossible
CONTROLS = ("cut", "flash", "cast", "shake")  # of the camera: what is shown stays possible
PAIRS = 16  # of each kind
FIRST_SEED = 10_000  # of tests; those of training worlds are smaller


def load(_: Path | None = None) -> GeneratedWorlds:
    """The same pairs every time."""
    pairs = [GeneratedPair(kind, FIRST_SEED + row) for row in range(PAIRS) for kind in (*EVENTS, *CONTROLS)]
    return GeneratedWorlds("generated worlds", tuple(pairs))
