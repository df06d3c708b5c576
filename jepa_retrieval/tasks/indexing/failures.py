"""Files that could not be used, and why."""

from __future__ import annotations

from dataclasses import dataclass

from indexes import Index
from indexes.records import MediaState


@dataclass(frozen=True, slots=True)
class FileFailure:
    """A file, and in one sentence why it could not be used, or what of it could not be read."""

    path: str
    error: str


def files_in_state(index: Index, state: MediaState) -> list[FileFailure]:
    """The files of an index that failed or are partial, by path."""
    records = index.known_files().values()
    return [FileFailure(r.path, r.error or "unknown reason") for r in records if r.state == state]
