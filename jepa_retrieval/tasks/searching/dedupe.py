"""Duplicates in an index: the same file again, the same video in another encoding, a scene used twice.

Nothing is decoded and nothing deleted: files are compared by their content hashes and their stored streams. Whole
files are compared, window against window at the same distance, so an intro that two videos share is not enough.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from indexes import Index
from indexes.records import ClipHit
from jepa_retrieval.errors import UsageError

# Minimum cosine of two windows that count as the same picture.
DEFAULT_THRESHOLD = 0.95
# Two videos are the same when this share of the longer one's windows matches the other's.
WHOLE = 0.8
# Shared scenes of fewer windows are not reported.
MIN_SHARED = 2
# Nearest clips looked at per clip.
NEIGHBOURS = 16
_BATCH = 256


@dataclass(frozen=True, slots=True)
class DuplicateFile:
    """One file of a group."""

    path: str
    similarity: (
        float  # mean cosine of its windows with those of the group's first file; 1.0 for an exact copy
    )


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same things."""

    kind: Literal["copies", "near"]  # copies: the same bytes, all of them
    files: list[DuplicateFile]


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


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """What was found, largest groups first."""

    groups: list[DuplicateGroup]
    scenes: list[SharedScene]


class _Stream(NamedTuple):
    times: np.ndarray  # float32 [W, 2]; seconds, zeros for an image
    windows: np.ndarray  # float32 [W, E]


def find_duplicates(index: Index, *, threshold: float = DEFAULT_THRESHOLD) -> DuplicateReport:
    """Look for files and scenes that an index has more than once.

    Args:
        threshold: minimum cosine of two windows that count as the same picture.

    Raises:
        UsageError: the threshold is not between 0 and 1.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold must be above 0 and at most 1, not {threshold:g}")
    copies = _copies(index)
    twins = {path for group in copies for path in group[1:]}
    clips = [clip for clip in index.all_clips() if clip.path not in twins]
    files: dict[str, list[ClipHit]] = defaultdict(list)
    for clip in clips:
        files[clip.path].append(clip)
    streams: dict[str, _Stream] = {}
    near: dict[tuple[str, str], float] = {}
    scenes: list[SharedScene] = []
    for pair in sorted(_candidates(index, clips, threshold)):
        for path in pair:
            if path not in streams:
                streams[path] = _stream(index, files[path])
        first, second = (streams[path] for path in pair)
        similarity = _whole(first, second, threshold)
        if similarity is not None:
            near[pair] = similarity
        elif (scene := _shared(pair, first, second, threshold)) is not None:
            scenes.append(scene)
    return DuplicateReport(_groups(copies, near), sorted(scenes, key=lambda scene: -scene.similarity))


def _copies(index: Index) -> list[list[str]]:
    """Paths with the same content, by hash."""
    by_hash: dict[str, list[str]] = defaultdict(list)
    rows = index.media(where="state = 'ok'", columns=["path", "content_hash"]).to_pylist()
    for row in rows:
        if row["content_hash"]:
            by_hash[row["content_hash"]].append(row["path"])
    return [sorted(paths) for paths in by_hash.values() if len(paths) > 1]


def _candidates(index: Index, clips: Sequence[ClipHit], threshold: float) -> set[tuple[str, str]]:
    """Pairs of files, in order of name, that have similar clips."""
    known = {clip.clip_id for clip in clips}
    found = set()
    for begin in range(0, len(clips), _BATCH):
        batch = clips[begin : begin + _BATCH]
        hits = index.search(index.embeddings([clip.clip_id for clip in batch]), k=NEIGHBOURS)
        for clip, near in zip(batch, hits, strict=True):
            for hit in near:
                if hit.score < threshold:
                    break
                if hit.path != clip.path and hit.clip_id in known and hit.kind == clip.kind:
                    found.add((min(hit.path, clip.path), max(hit.path, clip.path)))
    return found


def _stream(index: Index, clips: Sequence[ClipHit]) -> _Stream:
    ordered = sorted(clips, key=lambda clip: clip.start or 0.0)
    ids = [clip.clip_id for clip in ordered]
    windows = index.windows(ids)
    times, values = [], []
    for clip, whole in zip(ordered, index.embeddings(ids), strict=True):
        stream = windows.get(clip.clip_id)
        times.append(np.array([[clip.start or 0.0, clip.end or 0.0]]) if stream is None else stream.times)
        values.append(whole[None] if stream is None else stream.embeddings.astype(np.float32))
    return _Stream(np.concatenate(times).astype(np.float32), np.concatenate(values))


def _whole(first: _Stream, second: _Stream, threshold: float) -> float | None:
    """Mean cosine of two files that are the same all along, at the best shift in time; None if they are not."""
    matrix = first.windows @ second.windows.T
    longer = max(matrix.shape)
    best: float | None = None
    for shift in range(-matrix.shape[0] + 1, matrix.shape[1]):
        alike = np.diagonal(matrix, shift)
        alike = alike[alike >= threshold]
        if len(alike) >= WHOLE * longer and (best is None or alike.mean() > best):
            best = float(alike.mean())
    return best


def _shared(pair: tuple[str, str], first: _Stream, second: _Stream, threshold: float) -> SharedScene | None:
    """The longest sequence of windows that two videos share; None if there is none in which something changes."""
    matrix = first.windows @ second.windows.T
    sequences = [
        (last - begin, begin, begin + shift, last)
        for shift in range(-matrix.shape[0] + 1, matrix.shape[1])
        for begin, last in _sequences(matrix, shift, threshold)
        # Nothing changes in a black intro or a title card: such sequences say nothing about the videos.
        if last - begin >= MIN_SHARED and _changes(first.windows[begin:last], threshold)
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


def _sequences(matrix: np.ndarray, shift: int, threshold: float) -> Iterable[tuple[int, int]]:
    """First and last + 1 row of each sequence of values at or above the threshold on one diagonal."""
    alike = np.diagonal(matrix, shift) >= threshold
    edges = np.flatnonzero(np.diff(np.concatenate([[0], alike.view(np.int8), [0]])))
    row = max(0, -shift)
    return [(row + int(begin), row + int(last)) for begin, last in zip(edges[::2], edges[1::2], strict=True)]


def _changes(windows: np.ndarray, threshold: float) -> bool:
    return bool((windows @ windows.T).min() < threshold)


def _groups(copies: Sequence[Sequence[str]], near: dict[tuple[str, str], float]) -> list[DuplicateGroup]:
    """Groups of similar files, largest first."""
    leader: dict[str, str] = {}

    def find(path: str) -> str:
        while leader.setdefault(path, path) != path:
            path = leader[path]
        return path

    for one, two in itertools.chain(near, ((group[0], path) for group in copies for path in group[1:])):
        low, high = sorted((find(one), find(two)))
        leader[high] = low
    members: dict[str, list[str]] = defaultdict(list)
    for path in sorted(leader):
        members[find(path)].append(path)
    original = {path: group[0] for group in copies for path in group}
    groups = [_group(paths, near, original) for paths in members.values() if len(paths) > 1]
    return sorted(groups, key=lambda group: -len(group.files))


def _group(
    paths: Sequence[str], near: dict[tuple[str, str], float], original: dict[str, str]
) -> DuplicateGroup:
    named = [original.get(path, path) for path in paths]
    first = named[0]
    kind: Literal["copies", "near"] = "copies" if len(set(named)) == 1 else "near"
    # A file that is like another member only, not like the first one, has that member's similarity.
    best = {
        name: max(value for pair, value in near.items() if name in pair)
        for name in set(named)
        if name != first
    }
    return DuplicateGroup(
        kind,
        [
            DuplicateFile(path, 1.0 if name == first else near.get(_pair(first, name), best.get(name, 0.0)))
            for path, name in zip(paths, named, strict=True)
        ],
    )


def _pair(one: str, two: str) -> tuple[str, str]:
    return (one, two) if one < two else (two, one)
