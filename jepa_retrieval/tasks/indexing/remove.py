"""Remove files from an index; the media are never touched."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from indexes import Index
from jepa_retrieval.tasks.encoding.media_root import MediaRoot, same_name


def remove_files(index: Index, paths: Sequence[Path | str], media_root: MediaRoot) -> int:
    """Remove files, and everything below folders. Returns how many files the index had there."""
    with index.writer() as writer:
        removed = files_at(paths, index.known_files(), media_root)
        writer.remove(removed)
    return len(removed)


def files_at(paths: Iterable[Path | str], known: Iterable[str], media_root: MediaRoot) -> list[str]:
    """The known files that paths name: files themselves, or everything below folders.

    Args:
        paths: on disk, or as the index stores them; in any Unicode spelling, and reached by any link. They need not
            exist.
        known: stored paths.
        media_root: what those are relative to.

    Raises:
        UsageError: a path is empty.
    """
    named = set()
    for path in paths:
        named.add(media_root.full(media_root.to_text(path)))
        stored = os.path.normpath(path)
        if stored != "." and not Path(stored).is_absolute():
            named.add(media_root.full(stored))
    spelled = {same_name(full) for full in named}
    return [text for text in known if not spelled.isdisjoint(_with_folders(same_name(media_root.full(text))))]


def _with_folders(full: str) -> Iterator[str]:
    """A path and those of all folders that it lies in."""
    while full:
        yield full
        full = full.rpartition("/")[0]
    yield "/"
