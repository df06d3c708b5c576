"""Windows of one file, in order of time, to clips: the unit that is stored and searched."""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from indexes.records import ClipRecord
from jepa_retrieval.tasks.encoding.segment import DEFAULT_SHIFT, segment
from jepa_retrieval.tasks.encoding.windows import pool_tokens

# A stream is cut block by block, so that a file of ten hours takes no more memory than one of ten minutes.
BLOCK_WINDOWS = 600
# Of a file with sound only; as long as what Whisper listens to at once.
SOUND_CLIP_SECONDS = 30.0


@dataclass(frozen=True, slots=True, eq=False)
class EncodedWindow:
    """One window after the model: its time, Ŝ_Y, S_V and picture."""

    start: float | None  # seconds; None for an image
    end: float | None
    embedding: np.ndarray  # float32 [E], unit length
    tokens: np.ndarray | None  # float16 [N, D]; None when tokens are not kept
    thumbnail: bytes | None  # JPEG


class ClipBuilder:
    """Collects the windows of one file and merges consecutive ones that mean the same into clips."""

    def __init__(self, *, shift: float = DEFAULT_SHIFT) -> None:
        self._shift = shift
        self._windows: list[EncodedWindow] = []
        self._clips: list[ClipRecord] = []

    def add(self, window: EncodedWindow) -> None:
        """Take the next window in order of time."""
        self._windows.append(window)
        if len(self._windows) >= BLOCK_WINDOWS:
            self._cut(keep_last=True)

    def finish(self) -> list[ClipRecord]:
        """All clips of the file, in order of time."""
        self._cut(keep_last=False)
        return self._clips

    def _cut(self, *, keep_last: bool) -> None:
        if not self._windows:
            return
        clips = segment(np.stack([window.embedding for window in self._windows]), shift=self._shift)
        # The last clip may continue in the next block; a block of one clip is cut, or it would grow without limit.
        carried = clips.pop() if keep_last and len(clips) > 1 else None
        self._clips.extend(_clip(self._windows[clip]) for clip in clips)
        self._windows = self._windows[carried] if carried is not None else []


def sound_clips(duration: float, embedding_size: int) -> list[ClipRecord]:
    """The clips of a file with sound only, which are found by what is said in them: there is nothing to embed.

    Args:
        duration: of the file, seconds.
        embedding_size: E of the index.
    """
    count = max(1, math.ceil(round(duration / SOUND_CLIP_SECONDS, 6)))  # no clip of a rounding error alone
    edges = [*(number * SOUND_CLIP_SECONDS for number in range(count)), duration]
    nothing = np.zeros(embedding_size, np.float32)
    return [
        ClipRecord(start, _rounded(end), nothing, np.array([(start, end)], np.float32))
        for start, end in pairwise(edges)
    ]


def _clip(windows: list[EncodedWindow]) -> ClipRecord:
    stream = np.stack([window.embedding for window in windows])
    mean = stream.mean(axis=0)
    timed = windows[0].start is not None
    tokens = [window.tokens for window in windows if window.tokens is not None]
    return ClipRecord(
        start=_rounded(windows[0].start),
        end=_rounded(windows[-1].end),
        embedding=(mean / np.linalg.norm(mean)).astype(np.float32),
        window_times=np.array([(w.start, w.end) for w in windows] if timed else np.zeros((0, 2)), np.float32),
        window_embeddings=stream.astype(np.float16) if timed else None,
        tokens=_pooled(tokens) if tokens else None,
        thumbnail=windows[len(windows) // 2].thumbnail,
    )


def _pooled(tokens: list[np.ndarray]) -> np.ndarray:
    """The S_V of a clip: the mean over its windows, float16 [N, D]."""
    return pool_tokens(np.stack(tokens).mean(axis=0, dtype=np.float32)).astype(np.float16)


def _rounded(seconds: float | None) -> float | None:
    """To the microsecond: sums of time stamps are no more exact than that."""
    return None if seconds is None else round(seconds, 6)
