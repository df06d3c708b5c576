"""Media outside of an index: which files of some paths it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes import Index
from jepa_retrieval.media import FoundFile, scan
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.plan import is_unchanged
from jepa_retrieval.tasks.indexing.report import FileFailure


@dataclass(frozen=True, slots=True)
class SortedMedia:
    """The media files below some paths."""

    known: list[str]  # as the index stores them: their clips can be used
    unindexed: list[Path]  # to be decoded
    failed: list[FileFailure]


def sort_media(paths: Sequence[Path | str], index: Index | None, media_root: MediaRoot) -> SortedMedia:
    """Find the media files that paths name, and tell those that an index has as they are now from all others.

    Raises:
        UsageError: a path does not exist.
    """
    records = {} if index is None else index.known_files()
    found = SortedMedia([], [], [])
    for file in scan(paths):
        text = media_root.to_text(file.path)
        if not isinstance(file, FoundFile):
            found.failed.append(FileFailure(text, file.reason))
            continue
        record = records.get(text)
        if record is not None and record.state == "ok" and is_unchanged(file, record):
            found.known.append(text)
        else:
            found.unindexed.append(file.path)
    return found
