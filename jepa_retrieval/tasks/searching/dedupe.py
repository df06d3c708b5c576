"""Duplicates in an index: the same file again, the same picture or video in another encoding, a scene used twice.

Nothing is decoded and nothing deleted: files are compared by their content hashes, their stored streams and their
thumbnails. Whole files are compared, window against window at the same distance, so an intro that two videos share is
not enough. Embeddings only propose: that two pictures mean the same makes them no duplicates.
"""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

from indexes import Index
from indexes.records import ClipHit
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.searching.duplicate_streams import (
    SharedScene,
    Stream,
    changes,
    find_shared_scene,
    match_whole,
    read_stream,
)
from jepa_retrieval.tasks.searching.links import FileLink, find_links
from jepa_retrieval.tasks.searching.same_picture import Picture, same_picture

# Minimum cosine of two windows that may show the same picture; the pictures decide.
DEFAULT_THRESHOLD = 0.8
# Windows this alike, one after the other in a video in which something changes, decide by themselves: another
# encoding has other key frames, so that its thumbnails show other moments.
STRICT_THRESHOLD = 0.95
# Nearest clips looked at per clip.
NEIGHBOURS = 16
# Thumbnails of two videos are compared if they lie no further apart than this, in seconds.
_SAME_TIME = 0.5
_BATCH = 256
_CACHED_PICTURES = 4096


@dataclass(frozen=True, slots=True)
class DuplicateFile:
    """One file of a group."""

    path: str
    similarity: (
        float  # mean cosine of its windows with those of the group's first file; 1.0 for an exact copy
    )
    link: FileLink | None = None  # set if the path is a link, no copy


@dataclass(frozen=True, slots=True)
class DuplicateGroup:
    """Files that show the same."""

    # copies: the same bytes, all of them; links: the same, and there is only one file; near: other bytes too
    kind: Literal["copies", "near", "links"]
    files: list[DuplicateFile]


@dataclass(frozen=True, slots=True)
class DuplicateReport:
    """What was found, largest groups first."""

    groups: list[DuplicateGroup]
    scenes: list[SharedScene]


def find_duplicates(
    index: Index, *, media_root: MediaRoot | None = None, threshold: float = DEFAULT_THRESHOLD
) -> DuplicateReport:
    """Look for files and scenes that an index has more than once.

    Args:
        index: whose files are compared.
        media_root: what stored paths are relative to; None: links are not told from copies.
        threshold: minimum cosine of two windows that may show the same picture.

    Raises:
        UsageError: the threshold is not between 0 and 1.
    """
    if not 0 < threshold <= 1:
        raise UsageError(f"the threshold must be above 0 and at most 1, not {threshold:g}")
    copies = _copies(index)
    twins = {path for group in copies for path in group[1:]}
    clips = [clip for clip in index.all_clips() if clip.path not in twins and clip.kind != "audio"]
    files: dict[str, list[ClipHit]] = defaultdict(list)
    for clip in clips:
        files[clip.path].append(clip)
    comparison = _Comparison(index, threshold)
    streams: dict[str, Stream] = {}
    near: dict[tuple[str, str], float] = {}
    scenes: list[SharedScene] = []
    for pair in sorted(_candidates(index, clips, threshold)):
        for path in pair:
            if path not in streams:
                streams[path] = read_stream(index, files[path])
        first, second = (streams[path] for path in pair)
        is_image = files[pair[0]][0].kind == "image"
        similarity = comparison.images(first, second) if is_image else comparison.videos(first, second)
        if similarity is not None:
            near[pair] = similarity
        elif not is_image:
            scene = find_shared_scene(pair, first, second, comparison.strict)
            scenes += [scene] if scene is not None else []
    groups = [_with_links(group, media_root) for group in _groups(copies, near)]
    return DuplicateReport(groups, sorted(scenes, key=lambda scene: -scene.similarity))


class _Comparison:
    """Decides whether two files show the same pictures all along."""

    def __init__(self, index: Index, threshold: float) -> None:
        self._index = index
        self._threshold = threshold
        self.strict = max(threshold, STRICT_THRESHOLD)
        self._picture = lru_cache(_CACHED_PICTURES)(self._read_picture)

    def images(self, first: Stream, second: Stream) -> float | None:
        """The cosine of two images that are one picture; None if they are not."""
        match = match_whole(first, second, self._threshold)
        same = None if match is None else self._same_pictures(first, second, match.offset)
        return match.similarity if match is not None and self._decide(same, match.similarity) else None

    def videos(self, first: Stream, second: Stream) -> float | None:
        """The mean cosine of two videos that are one; None if they are not."""
        match = match_whole(first, second, self.strict)
        if match is not None and changes(first.windows, self.strict):
            return match.similarity
        match = match or match_whole(first, second, self._threshold)
        same = None if match is None else self._same_pictures(first, second, match.offset)
        return match.similarity if match is not None and self._decide(same, match.similarity) else None

    def _decide(self, same: bool | None, similarity: float) -> bool:
        """Without thumbnails, the embeddings alone decide, and more strictly."""
        return similarity >= self.strict if same is None else same

    def _same_pictures(self, first: Stream, second: Stream, offset: float) -> bool | None:
        """Whether at least half of the thumbnails of the same times agree; None if there are no thumbnails."""
        compared = agreeing = 0
        for clip_id, middle in zip(first.clip_ids, first.middles, strict=True):
            for other_id, other_middle in zip(second.clip_ids, second.middles, strict=True):
                if abs(middle + offset - other_middle) > _SAME_TIME:
                    continue
                one, other = self._picture(clip_id), self._picture(other_id)
                if one is None or other is None:
                    return None
                compared += 1
                agreeing += same_picture(one, other)
        return compared > 0 and 2 * agreeing >= compared

    def _read_picture(self, clip_id: int) -> Picture | None:
        (thumbnail,) = self._index.clips([clip_id], columns=["thumbnail"])["thumbnail"].to_pylist()
        try:
            return None if thumbnail is None else Picture(thumbnail)
        except ValueError:
            return None


def _with_links(group: DuplicateGroup, media_root: MediaRoot | None) -> DuplicateGroup:
    """The group with its links marked."""
    if media_root is None:
        return group
    links = find_links([media_root.to_path(file.path) for file in group.files])
    files = [replace(file, link=link) for file, link in zip(group.files, links, strict=True)]
    only_links = group.kind == "copies" and sum(file.link is None for file in files) < 2
    return DuplicateGroup("links" if only_links else group.kind, files)


def _copies(index: Index) -> list[list[str]]:
    """Paths with the same content, by hash."""
    by_hash: dict[str, list[str]] = defaultdict(list)
    rows = index.media(where="state != 'failed'", columns=["path", "content_hash"]).to_pylist()
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
