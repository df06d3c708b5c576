"""Changes that wait for the next commit, and how they are written to the tables."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from indexes.filters import is_in
from indexes.schema import patch_table
from indexes.tables import Tables

if TYPE_CHECKING:
    import pyarrow as pa

# A commit is due when the changes reach one of these.
MAX_PENDING_SECONDS = 5.0
MAX_PENDING_FILES = 1024
MAX_PENDING_BYTES = 64 * 1024 * 1024

# Ids in one SQL expression.
MAX_IDS_PER_FILTER = 4096


class PendingChanges:
    """The changes of one commit, at most one per path: a second change has to wait for the next commit."""

    def __init__(self) -> None:
        self.paths: set[str] = set()
        self._media: list[pa.Table] = []  # rows of new files
        self._clips: list[pa.Table] = []
        self._changes: dict[int, dict[str, Any]] = {}  # new fields of files that stay, by media_id
        self._removed: set[int] = set()  # media_ids
        self._bytes = 0
        self._started = time.monotonic()

    def put(self, path: str, media: pa.Table, clips: pa.Table) -> None:
        """Add a file's row and its clips' rows."""
        self.paths.add(path)
        self._bytes += clips.nbytes
        self._clips.append(clips)
        self._media.append(media)

    def change(self, paths: Iterable[str], media_id: int, fields: dict[str, Any]) -> None:
        """Replace fields of a file: those that `patch_table` knows."""
        self.paths.update(paths)
        self._changes[media_id] = fields

    def remove(self, media_id: int) -> None:
        """Delete a file."""
        self._removed.add(media_id)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing to write."""
        return not (self._media or self._changes or self._removed)

    @property
    def is_due(self) -> bool:
        """Whether the changes are many, large or old enough to be committed."""
        files = len(self._media) + len(self._changes) + len(self._removed)
        waited = time.monotonic() - self._started
        return files >= MAX_PENDING_FILES or self._bytes >= MAX_PENDING_BYTES or waited >= MAX_PENDING_SECONDS

    def write(self, tables: Tables) -> None:
        """Make the changes in both tables; readers see them once the manifest is replaced."""
        self._write_clips(tables)
        self._write_media(tables)

    def _write_clips(self, tables: Tables) -> None:
        # A scanner that was opened before rows are deleted still returns them.
        changed = [tables.clips.batches(is_in("media_id", ids)) for ids in _split(self._changes)]
        for ids in _split(self._removed | self._changes.keys()):
            tables.clips.delete(is_in("media_id", ids))
        if self._changes or any(len(clips) for clips in self._clips):
            tables.clips.append(self._clip_rows(changed))

    def _clip_rows(self, changed: list[Iterator[pa.RecordBatch]]) -> Iterator[pa.RecordBatch]:
        import pyarrow as pa

        if self._clips:
            yield from pa.concat_tables(self._clips).combine_chunks().to_batches()
        for batches in changed:
            for batch in batches:
                yield patch_table(batch, self._changes)

    def _write_media(self, tables: Tables) -> None:
        import pyarrow as pa

        rows = [*self._media]
        for ids in _split(self._changes):
            changed = tables.media.rows(is_in("media_id", ids)).to_batches()
            rows += [pa.Table.from_batches([patch_table(batch, self._changes)]) for batch in changed]
        for ids in _split(self._removed | self._changes.keys()):
            tables.media.delete(is_in("media_id", ids))
        if rows:
            tables.media.append(pa.concat_tables(rows).combine_chunks().to_batches())


def _split(ids: Iterable[int]) -> list[list[int]]:
    ordered = sorted(ids)
    return [
        ordered[begin : begin + MAX_IDS_PER_FILTER] for begin in range(0, len(ordered), MAX_IDS_PER_FILTER)
    ]
