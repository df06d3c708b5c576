"""Media outside of an index: which files of some paths it knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes import Index
from jepa_retrieval.media import FoundFile, scan
from jepa_retrieval.media.reasons import NOTHING_SEEN
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.indexing.plan import is_unchanged


@dataclass(slots=True)
class SortedMedia:
    """The media files below some paths."""

    known: list[str]  # as the index stores them: their clips can be used
    unindexed: list[Path]  # to be decoded
    failed: list[FileFailure]
    partial: list[FileFailure]  # of the known ones: what of them was not read
    sound_only: int = 0  # files in folders that were left out, as there is nothing to see in them


def sort_media(paths: Sequence[Path | str], index: Index | None, media_root: MediaRoot) -> SortedMedia:
    """Find the media files that paths name, those that an index has as they are now apart from all others.

    Raises:
        UsageError: a path does not exist.
    """
    records = {} if index is None else index.known_files()
    seen: set[str] = set()
    found = SortedMedia([], [], [], [])
    files = scan(paths)
    for file in files:
        if not isinstance(file, FoundFile):
            found.failed.append(FileFailure(media_root.to_text(file.path), file.reason))
            continue
        text = media_root.text_of_file(file.path)
        if text in seen:
            continue  # the same file, by another way
        seen.add(text)
        record = records.get(text)
        if record is not None and record.is_indexed and is_unchanged(file, record):
            if record.kind == "audio":
                found.failed.append(FileFailure(text, NOTHING_SEEN))
                continue
            found.known.append(text)
            if record.error is not None:
                found.partial.append(FileFailure(text, record.error))
        else:
            found.unindexed.append(file.path)
    found.sound_only = sum(one.reason == "audio only" for one in files.left_out)
    return found
