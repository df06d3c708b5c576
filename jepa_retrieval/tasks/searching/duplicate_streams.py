"""Two files of an index as streams of windows: are they the same all along, do they share a scene?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from indexes import Index
from indexes.records import ClipHit

# Two videos are the same when this share of the longer one's windows matches the other's.
WHOLE = 0.8
# Shared scenes of fewer windows are not reported.
MIN_SHARED = 2


@dataclass(frozen=True, slots=True)
class SharedScene:
    """A scene that two different videos have in common; times in seconds."""

    first_path: str
    first_start: float
    first_end: float
    second_path: str
    second_start: float
    second_end: float
    similarity: float  # mean cosine of the windows


class Stream(NamedTuple):
    """The windows of a file in order of time, and the clips that they lie in."""

    times: np.ndarray  # float32 [W, 2]; seconds, zeros for an image
    windows: np.ndarray  # float32 [W, E]
    clip_ids: list[int]
    middles: np.ndarray  # float32 [clips]: start of the window that each clip's thumbnail shows


class Match(NamedTuple):
    """Two files that are the same all along."""

    similarity: float  # mean cosine of the windows that match
    offset: float  # seconds from the first file's times to the second's


def read_stream(index: Index, clips: Sequence[ClipHit]) -> Stream:
    """The stream of a file from its clips."""
    ordered = sorted(clips, key=lambda clip: clip.start or 0.0)
    ids = [clip.clip_id for clip in ordered]
    stored = index.windows(ids)
    times, values, middles = [], [], []
    for clip, whole in zip(ordered, index.embeddings(ids), strict=True):
        stream = stored.get(clip.clip_id)
        times.append(np.array([[clip.start or 0.0, clip.end or 0.0]]) if stream is None else stream.times)
        values.append(whole[None] if stream is None else stream.embeddings.astype(np.float32))
        middles.append(times[-1][len(times[-1]) // 2, 0])
    return Stream(
        np.concatenate(times).astype(np.float32), np.concatenate(values), ids, np.array(middles, np.float32)
    )


def match_whole(first: Stream, second: Stream, threshold: float) -> Match | None:
    """How alike two files are that are the same all along, at the best shift in time; None if they are not."""
    matrix = first.windows @ second.windows.T
    longer = max(matrix.shape)
    best: tuple[float, int] | None = None
    for shift in range(-matrix.shape[0] + 1, matrix.shape[1]):
        alike = np.diagonal(matrix, shift)
        alike = alike[alike >= threshold]
        if len(alike) >= WHOLE * longer and (best is None or alike.mean() > best[0]):
            best = (float(alike.mean()), shift)
    if best is None:
        return None
    similarity, shift = best
    return Match(similarity, float(second.times[max(0, shift), 0] - first.times[max(0, -shift), 0]))


def find_shared_scene(
    pair: tuple[str, str], first: Stream, second: Stream, threshold: float
) -> SharedScene | None:
    """The longest sequence of windows that two videos share; None if there is none in which something changes."""
    matrix = first.windows @ second.windows.T
    sequences = [
        (last - begin, begin, begin + shift, last)
        for shift in range(-matrix.shape[0] + 1, matrix.shape[1])
        for begin, last in _sequences(matrix, shift, threshold)
        # Nothing changes in a black intro or a title card: such sequences say nothing about the videos.
        if last - begin >= MIN_SHARED and changes(first.windows[begin:last], threshold)
    ]
    if not sequences:
        return None
    length, one, two, _ = max(sequences)
    values = np.diagonal(matrix[one : one + length, two : two + length])
    return SharedScene(
        pair[0],
        float(first.times[one, 0]),
        float(first.times[one + length - 1, 1]),
        pair[1],
        float(second.times[two, 0]),
        float(second.times[two + length - 1, 1]),
        float(values.mean()),
    )


def _sequences(matrix: np.ndarray, shift: int, threshold: float) -> list[tuple[int, int]]:
    """First and last + 1 row of each sequence of values at or above the threshold on one diagonal."""
    alike = np.diagonal(matrix, shift) >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[0], alike.view(np.int8), [0]])))
    row = max(0, -shift)
    return [(row + int(begin), row + int(last)) for begin, last in zip(edges[::2], edges[1::2], strict=True)]


def changes(windows: np.ndarray, threshold: float) -> bool:
    """Whether some of the windows, float [W, E], are less alike than the threshold."""
    return bool((windows @ windows.T).min() < threshold)
