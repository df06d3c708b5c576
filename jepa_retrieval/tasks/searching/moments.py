"""From ranked clips to moments: neighbours merged, boundaries refined on the stored stream."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from indexes import Index
from indexes.records import ClipHit, ClipWindows, MediaKind
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.user_paths import exists

# Two clips that touch are one moment if the weaker scores at most this share of the stronger's score below it.
SAME_MOMENT = 0.05

# A moment ends where its windows' scores fall below this share of the way from the background to its best window:
# the full width at half maximum, by which peaks are measured.
HALF_MAXIMUM = 0.5

ReadWindows = Callable[[Sequence[int]], Mapping[int, ClipWindows]]


@dataclass(frozen=True, slots=True)
class Moment:
    """An interval of a media file that answers a query."""

    rank: int  # from 1
    score: float  # inner product of unit vectors, -1 to 1; the best clip's
    confidence: float | None  # calibrated, 0 to 1: how likely this is what was looked for
    path: str  # relative to the media root
    kind: MediaKind
    start: float | None  # seconds; None for images
    end: float | None
    clip_id: int  # the best clip of the moment
    caption: str | None = None  # that clip's sentence; None if the index keeps no captions
    said: str | None = None  # the line that answers the query, if one does
    written: str | None = None  # the lines in the picture that answer it
    found_by: tuple[str, ...] = ("seen",)  # what the query was found in: "seen", "said", "written"
    by_meaning: tuple[str, ...] = ()  # of these, where the query's meaning was found in other words
    offline: bool = False  # whether the file is not there now, as on a disk that is not plugged in
    index: str | None = None  # the name of its index, where several were searched as one

    @property
    def words(self) -> list[tuple[str, str]]:
        """The words that answer the query, each after how it was found, such as "said" or "said in other words"."""
        found = (("said", self.said), ("written", self.written))
        return [
            (f"{sense} in other words" if sense in self.by_meaning else sense, text)
            for sense, text in found
            if text is not None
        ]

    @property
    def quotes(self) -> list[str]:
        """The same texts in quotes, with "≈" before those that say it in other words."""
        found = (("said", self.said), ("written", self.written))
        return [
            f"{'≈ ' if sense in self.by_meaning else ''}“{text}”" for sense, text in found if text is not None
        ]

    @property
    def quoted(self) -> str:
        """The same as one text; "" if there are none."""
        return " ".join(self.quotes)


@dataclass(slots=True)
class Candidate:
    """A moment under construction: its best clip, and the clips that were merged into it."""

    best: ClipHit
    start: float | None
    end: float | None
    clip_ids: list[int]

    def absorb(self, hit: ClipHit) -> bool:
        """Take in a clip that touches this moment and scores alike."""
        if self.start is None or self.end is None or hit.start is None or hit.end is None:
            return False
        touches = hit.start <= self.end and hit.end >= self.start
        if not touches or self.best.score - hit.score > SAME_MOMENT * abs(self.best.score):
            return False
        self.start, self.end = min(self.start, hit.start), max(self.end, hit.end)
        self.clip_ids.append(hit.clip_id)
        return True

    def moment(self, rank: int, confidence: float | None) -> Moment:
        """The result."""
        hit = self.best
        return Moment(rank, hit.score, confidence, hit.path, hit.kind, self.start, self.end, hit.clip_id)


def merge(hits: Sequence[ClipHit], *, top: int, per_file: bool = False) -> list[Candidate]:
    """Ranked clips to at most `top` candidates that do not overlap: touching clips that score alike become one.

    Args:
        hits: clips, best first.
        top: most candidates to return.
        per_file: keep only the best of each file.
    """
    found: list[Candidate] = []
    by_path: dict[str, list[Candidate]] = {}
    for hit in hits:
        here = by_path.setdefault(hit.path, [])
        if any(candidate.absorb(hit) for candidate in here) or (per_file and here):
            continue
        here.append(Candidate(hit, hit.start, hit.end, [hit.clip_id]))
        found.append(here[-1])
    return found[:top]


def refine(
    candidates: Sequence[Candidate], query: np.ndarray, windows: ReadWindows, *, background: float
) -> None:
    """Move the ends of moments to where the stored windows start and stop matching; moments only shrink.

    Args:
        candidates: changed in place.
        query: float32 [E], unit length.
        windows: reads the streams of clips with more than one window.
        background: the mean score of this query over the index.
    """
    streams = windows(
        [clip for candidate in candidates for clip in candidate.clip_ids if candidate.end is not None]
    )
    for candidate in candidates:
        stored = [streams[clip] for clip in candidate.clip_ids if clip in streams]
        if stored:
            _trim(candidate, stored, query, background)


def _trim(candidate: Candidate, stored: Sequence[ClipWindows], query: np.ndarray, background: float) -> None:
    times = np.concatenate([stream.times for stream in stored])
    scores = np.concatenate([stream.embeddings for stream in stored]).astype(np.float32) @ query
    peak = float(scores.max())
    level = background + HALF_MAXIMUM * (peak - background) if peak > background else peak
    weak = times[scores < level]
    inside = times[scores >= level]
    # Clips of one window have no stream: they matched as a whole, so they stay. Only weak ends are cut.
    assert candidate.start is not None and candidate.end is not None
    first, last = float(inside[:, 0].min()), float(inside[:, 1].max())
    covered = (float(times[:, 0].min()), float(times[:, 1].max()))
    if len(weak) and covered[0] <= candidate.start + 1e-3:
        candidate.start = max(candidate.start, round(first, 6))
    if len(weak) and covered[1] >= candidate.end - 1e-3:
        candidate.end = min(candidate.end, round(last, 6))


def ranked(moments: Sequence[Moment]) -> list[Moment]:
    """The same moments with ranks from 1 on."""
    return [
        moment if moment.rank == rank else replace(moment, rank=rank)
        for rank, moment in enumerate(moments, start=1)
    ]


def with_captions(moments: Sequence[Moment], index: Index) -> list[Moment]:
    """Moments with the sentence of their best clip, where the index has one."""
    if not index.keeps_captions:
        return list(moments)
    captions = index.captions([moment.clip_id for moment in moments])
    return [replace(moment, caption=caption) for moment, caption in zip(moments, captions, strict=True)]


def offline_files(media_root: MediaRoot) -> Callable[[str], bool]:
    """Tells whether a stored path's file is not there now; each file is looked for once."""
    return cache(lambda path: not exists(media_root.to_path(path)))
