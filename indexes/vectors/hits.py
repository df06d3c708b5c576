"""The columns that a hit needs, in one array, so that a text query does not open the tables."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexes.records import ClipHit, MediaKind

MAX_SECONDS = 1e9  # 32 years

KINDS: tuple[MediaKind, ...] = ("image", "video", "audio")  # by the number that stands for each
_AUDIO = KINDS.index("audio")

HIT_DTYPE = np.dtype(
    [
        ("clip_id", "<i8"),
        ("row", "<i4"),  # position of the embedding
        ("path", "<i4"),  # position in the list of paths
        ("start", "<f8"),  # NaN for images
        ("end", "<f8"),
        ("kind", "u1"),  # position in KINDS
    ]
)


def check_hits(hits: np.ndarray, paths: object, *, rows: int) -> None:
    """Refuse a stored table whose values point outside of it.

    Args:
        hits: HIT_DTYPE [clips].
        paths: what was stored as their list of paths.
        rows: how many embeddings there are.

    Raises:
        ValueError: a value is out of range, or the clips are not in order.
    """
    if not (isinstance(paths, list) and all(isinstance(path, str) and path for path in paths)):
        raise ValueError("its paths are not a list of texts")
    if any("\0" in path for path in paths):
        raise ValueError("a path holds NUL")
    if not (is_time(hits["start"]) & is_time(hits["end"])).all():
        raise ValueError("a clip has an impossible time")
    if not len(hits):
        return
    for name, limit in (("row", rows), ("path", len(paths)), ("kind", len(KINDS))):
        if hits[name].min() < 0 or hits[name].max() >= limit:
            raise ValueError(f"a {name} is out of range")
    if hits["clip_id"][0] < 0 or not (np.diff(hits["clip_id"]) > 0).all():
        raise ValueError("its clips are not in order")


def is_time(seconds: np.ndarray) -> np.ndarray:
    """Whether each value is a time in a video, or NaN for none."""
    return np.isnan(seconds) | (np.abs(seconds) <= MAX_SECONDS)


@dataclass(frozen=True, slots=True)
class HitTable:
    """All visible clips of one commit, ordered by clip_id."""

    hits: np.ndarray  # HIT_DTYPE [clips]
    paths: Sequence[str]

    def __len__(self) -> int:
        return len(self.hits)

    @property
    def seen(self) -> np.ndarray:
        """Which clips have something to see, so that their embeddings mean something, bool [clips]."""
        is_seen: np.ndarray = self.hits["kind"] != _AUDIO
        return is_seen

    def find(self, clip_ids: np.ndarray) -> np.ndarray:
        """Positions in this table of those `clip_ids` that are in it, int64."""
        known = self.hits["clip_id"]
        if not len(known):
            return np.zeros(0, np.int64)
        at = np.searchsorted(known, clip_ids).clip(max=len(known) - 1)
        return at[known[at] == clip_ids]

    def of_path(self, path: str) -> np.ndarray:
        """Positions in this table of the clips of one file, int64; none if it has none."""
        try:
            number = self.paths.index(path)
        except ValueError:
            return np.zeros(0, np.int64)
        return np.flatnonzero(self.hits["path"] == number)

    def hit(self, position: int, score: float) -> ClipHit:
        """One row with its score as a record."""
        clip_id, _, path, start, end, kind = self.hits[position].item()
        return ClipHit(
            clip_id=clip_id,
            score=score,
            path=self.paths[path],
            kind=KINDS[kind],
            start=None if np.isnan(start) else start,
            end=None if np.isnan(end) else end,
        )
