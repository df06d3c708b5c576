"""The two Lance tables, opened at exactly the versions that a manifest names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes.errors import IndexFormatError
from indexes.files import files_below, sync_new_files
from indexes.manifest import Commit
from indexes.reasons import is_file_failure, reason

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

MEDIA = "media.lance"
CLIPS = "clips.lance"

# Readers keep the version they opened, so versions that were replaced recently are not deleted.
KEEP_OLD_VERSIONS = timedelta(hours=1)

# Fragments with more rows than this are not joined, so that compaction does not rewrite a large index every time.
ROWS_PER_FRAGMENT = 8192
MAX_SMALL_FRAGMENTS = 32
MAX_VERSIONS = 64


def create_table(path: Path, schema: pa.Schema) -> int:
    """Make an empty table and return its version."""
    import lance

    return lance.write_dataset(schema.empty_table(), path, mode="create").version


def open_table(path: Path, version: int) -> lance.LanceDataset:
    """Open one version of a table for reading.

    Raises:
        IndexFormatError: the table is missing or damaged.
    """
    import lance

    try:
        return lance.dataset(path, version=version)
    except BaseException as error:
        if not is_file_failure(error):
            raise
        raise IndexFormatError(f"{path} is missing or damaged: {reason(error)}") from error


class Table:
    """One table, open for writing.

    Readers do not see its changes until a manifest names the version that they led to.
    """

    def __init__(self, path: Path, version: int) -> None:
        self.path = path
        # Lance never changes a file: those of the last commit are on the disk already.
        self._flushed = files_below(path)
        self._data = open_table(path, version)
        if self._data.latest_version != version:
            # A writer died or failed between its changes and its manifest: undo them.
            self._data.restore()

    @property
    def version(self) -> int:
        """The version that the changes so far led to."""
        return self._data.version

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._data.schema.names
        return names

    def add_column(self, field: pa.Field) -> None:
        """Add a column after the others, null in every row."""
        import pyarrow as pa

        self._data.add_columns(pa.schema([field]))

    def rows(self, where: str, columns: list[str] | None = None) -> pa.Table:
        """Rows for which the SQL expression `where` holds."""
        return self._data.scanner(columns=columns, filter=where).to_table()

    def batches(self, where: str) -> Iterator[pa.RecordBatch]:
        """The same in batches of 256 rows, of the present version, whatever changes later."""
        return self._data.scanner(filter=where, batch_size=256).to_batches()

    def delete(self, where: str) -> None:
        """Delete rows."""
        self._data.delete(where)

    def append(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add rows."""
        import lance
        import pyarrow as pa

        reader = pa.RecordBatchReader.from_batches(self._data.schema, batches)
        self._data = lance.write_dataset(reader, self._data, mode="append")

    def flush(self) -> None:
        """Wait until what was written since the last call is on the disk."""
        sync_new_files(self.path, self._flushed)

    def compact(self, *, always: bool = False) -> None:
        """Join small fragments, if there are many of them."""
        small = sum(1 for fragment in self._data.get_fragments() if fragment.count_rows() < ROWS_PER_FRAGMENT)
        if always or small > MAX_SMALL_FRAGMENTS:
            self._data.optimize.compact_files(target_rows_per_fragment=ROWS_PER_FRAGMENT, batch_size=256)

    def drop_old_versions(self, keep: timedelta, *, always: bool = False) -> None:
        """Delete versions that were replaced more than `keep` ago, and the files only they use, if there are many."""
        versions: Any = self._data.versions()
        if not always and len(versions) < MAX_VERSIONS:
            return
        limit = datetime.now() - keep
        # A version was the present one until the next was made.
        pairs = pairwise(versions)
        old = [this["version"] for this, following in pairs if following["timestamp"] <= limit]
        if old:
            # No other writer can be running, so files of failed writes can be deleted too.
            self._data.cleanup_old_versions(versions=old, delete_unverified=True)


class Tables:
    """Both tables, open for writing."""

    def __init__(self, folder: Path, commit: Commit) -> None:
        self.media = Table(folder / MEDIA, commit.media_version)
        self.clips = Table(folder / CLIPS, commit.clips_version)

    def versions(self) -> dict[str, int]:
        """The fields of a `Commit` that name the present state."""
        return {"media_version": self.media.version, "clips_version": self.clips.version}

    def flush(self) -> None:
        """Wait until all that was written is on the disk."""
        self.clips.flush()
        self.media.flush()
