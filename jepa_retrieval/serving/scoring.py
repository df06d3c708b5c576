"""How well each window of a file fits a query."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from indexes import Index


class WindowScores(NamedTuple):
    """W windows in order of time."""

    start: np.ndarray  # float64 [W], seconds; NaN for photographs
    end: np.ndarray
    score: np.ndarray  # float32 [W]


def window_scores(index: Index, path: str, vector: np.ndarray, *, max_points: int) -> WindowScores:
    """Compare the stored stream of a file with a query.

    Args:
        index: that has the file.
        path: as it is stored; nothing of a file with sound only can be compared.
        vector: the query, float32 [E], unit length.
        max_points: neighbours are joined, the highest score being kept, until there are no more than this.
    """
    clips = [clip for clip in index.clips_of(path) if clip.kind != "audio"]
    if not clips:
        empty = np.zeros(0)
        return WindowScores(empty, empty, empty.astype(np.float32))
    streams = index.windows([clip.clip_id for clip in clips if clip.end is not None])
    whole = index.embeddings([clip.clip_id for clip in clips]) @ vector
    times, scores = [], []
    for clip, score in zip(clips, whole, strict=True):
        stream = streams.get(clip.clip_id)
        if stream is None:
            times.append(np.array([[clip.start, clip.end]], np.float64))  # None becomes NaN
            scores.append(np.array([score], np.float32))
        else:
            times.append(stream.times.astype(np.float64))
            scores.append(stream.embeddings.astype(np.float32) @ vector)
    joined = np.concatenate(times), np.concatenate(scores)
    return _joined(*joined, max_points=max_points)


def _joined(times: np.ndarray, scores: np.ndarray, *, max_points: int) -> WindowScores:
    group = -(-len(scores) // max_points)
    first = np.arange(0, len(scores), group)
    last = np.append(first[1:], len(scores)) - 1
    return WindowScores(times[first, 0], times[last, 1], np.maximum.reduceat(scores, first))
