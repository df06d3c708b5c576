"""The two Lance tables, opened at exactly the versions that a manifest names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes.errors import DamagedIndexError, IndexFormatError
from indexes.files import files_below, sync_new_files
from indexes.manifest import Manifest
from indexes.reasons import is_file_failure, reason
from indexes.untrusted import check_no_links, check_plain_name

if TYPE_CHECKING:
    import lance
    import pyarrow as pa

MEDIA = "media.lance"
CLIPS = "clips.lance"
DATA_FOLDERS = ("data", "_deletions")  # of a table, with the files that its versions refer to

# Readers keep the version they opened, so versions that were replaced recently are not deleted.
KEEP_OLD_VERSIONS = timedelta(hours=1)
_FOREVER = timedelta(days=36_500)

# Fragments with more rows than this are not joined, so that compaction does not rewrite a large index every time.
ROWS_PER_FRAGMENT = 8192
MAX_SMALL_FRAGMENTS = 32
MAX_VERSIONS = 64

# Words of all scripts, without upper case and accents. English words by their stems: "dogs" finds "dog". Stop words
# stay, because phrases hold them; the positions of words are for phrases.
TEXT_INDEX: dict[str, Any] = {
    "base_tokenizer": "icu",
    "language": "English",
    "stem": True,
    "remove_stop_words": False,
    "lower_case": True,
    "ascii_folding": True,
    "with_position": True,
}


def create_table(path: Path, schema: pa.Schema) -> int:
    """Make an empty table and return its version."""
    import lance

    return lance.write_dataset(schema.empty_table(), path, mode="create").version


def open_table(path: Path, version: int, schema: pa.Schema) -> lance.LanceDataset:
    """Open one version of a table for reading.

    Args:
        schema: columns that it must have, of these types.

    Raises:
        IndexFormatError: the table is missing, damaged, or refers to files outside of its folder.
    """
    import lance

    with _reading(path):
        if path.is_symlink():
            raise ValueError("it is a symbolic link")
        check_no_links(path)
        data = lance.dataset(path, version=version)
        _check_own_files(data)
        _check_schema(data.schema, schema)
        # Opens every file. What is damaged raises here; while rows are read it can end the process.
        data.validate()
        return data


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raise failures to read the table at `path` as `IndexFormatError`."""
    try:
        yield
    except BaseException as error:
        if not is_file_failure(error):
            raise
        raise IndexFormatError(f"{path.name} is missing or damaged: {reason(error)}") from error


def _check_own_files(data: lance.LanceDataset) -> None:
    """Refuse tables whose files lie elsewhere, perhaps on a server: Lance would open them."""
    if data.base_paths():
        raise ValueError("it refers to files in other folders")
    for fragment in data.get_fragments():
        for file in fragment.metadata.files:
            check_plain_name(file.path)


def _check_schema(found: pa.Schema, expected: pa.Schema) -> None:
    for field in expected:
        index = found.get_field_index(field.name)
        if index < 0 or found.field(index).type != field.type:
            raise ValueError(f"it has no column {field.name!r} of type {field.type}")


def read_all(data: lance.LanceDataset, path: Path) -> None:
    """Read every row of the table at `path`, to see whether all can be read.

    Raises:
        IndexFormatError: they cannot.
    """
    with _reading(path):
        for _ in data.to_batches(batch_size=256):
            pass


def unused_files(data: lance.LanceDataset, path: Path) -> list[str]:
    """Data files in the folder `path` of a table that no version refers to, by path inside it."""
    used = set(data.tracked_files().read_all()["path"].to_pylist())
    there = [
        f"{folder}/{file.name}"
        for folder in DATA_FOLDERS
        for file in (path / folder).glob("*")
        if not file.is_dir()
    ]
    return sorted(set(there) - used)


def open_media(folder: Path, manifest: Manifest) -> lance.LanceDataset:
    """The files of the manifest's commit; errors as in `open_table`."""
    from indexes.schema import MEDIA_SCHEMA

    return open_table(folder / MEDIA, manifest.commit.media_version, MEDIA_SCHEMA)


def open_clips(folder: Path, manifest: Manifest) -> lance.LanceDataset:
    """The clips of the manifest's commit; errors as in `open_table`."""
    return open_table(folder / CLIPS, manifest.commit.clips_version, schema_of_clips(manifest))


def schema_of_clips(manifest: Manifest) -> pa.Schema:
    """The columns that the clips of an index have."""
    from indexes.schema import clip_schema

    return clip_schema(manifest.embedding_size, manifest.texts)


class Table:
    """One table, open for writing.

    Readers do not see its changes until a manifest names the version that they led to.
    """

    def __init__(self, path: Path, version: int, schema: pa.Schema) -> None:
        self.path = path
        # Lance never changes a file: those of the last commit are on the disk already.
        self._flushed = files_below(path)
        self._data = open_table(path, version, schema)
        if self._data.latest_version != version:
            # A writer died or failed between its changes and its manifest: undo them, and delete what it wrote.
            versions: Any = self._data.versions()
            unpublished = [entry["version"] for entry in versions if entry["version"] > version]
            self._data.restore()
            self._data.cleanup_old_versions(versions=unpublished, delete_unverified=True)
        self._delete_unfinished_files()

    @property
    def version(self) -> int:
        """The version that the changes so far led to."""
        return self._data.version

    @property
    def columns(self) -> list[str]:
        """Names of the columns."""
        names: list[str] = self._data.schema.names
        return names

    def add_columns(self, fields: Sequence[pa.Field]) -> None:
        """Add columns after the others, null in every row."""
        import pyarrow as pa

        self._data.add_columns(pa.schema(fields))

    def index_text(self, column: str) -> None:
        """Make or extend the full-text index (BM25) of a column. Rows that it lacks are found too, more slowly."""
        names = {index.name for index in self._data.describe_indices()}
        if _text_index(column) not in names:
            self._data.create_scalar_index(column, "INVERTED", **TEXT_INDEX)
        else:
            self._data.optimize.optimize_indices(index_names=[_text_index(column)])

    def rows(self, where: str, columns: list[str] | None = None) -> pa.Table:
        """Rows for which the SQL expression `where` holds; IndexFormatError if they are damaged."""
        with _reading(self.path):
            return self._data.scanner(columns=columns, filter=where).to_table()

    def batches(self, where: str) -> Iterator[pa.RecordBatch]:
        """The same in batches of 256 rows, of the current version, whatever changes later."""
        return self._guarded(self._data.scanner(filter=where, batch_size=256).to_batches())

    def _guarded(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        with _reading(self.path):
            yield from batches

    def delete(self, where: str) -> None:
        """Delete rows."""
        self._data.delete(where)

    def append(self, batches: Iterable[pa.RecordBatch]) -> None:
        """Add rows. What the batches raise is raised."""
        import lance
        import pyarrow as pa

        raised: list[BaseException] = []  # Lance turns it into text with a traceback

        def kept() -> Iterator[pa.RecordBatch]:
            try:
                yield from batches
            except BaseException as error:
                raised.append(error)
                raise

        reader = pa.RecordBatchReader.from_batches(self._data.schema, kept())
        try:
            self._data = lance.write_dataset(reader, self._data, mode="append")
        except BaseException as error:
            if raised:
                raise raised[0] from error
            raise

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
        # A version was the current one until the next was made.
        pairs = pairwise(versions)
        old = [this["version"] for this, following in pairs if following["timestamp"] <= limit]
        # No other writer can be running, so files of failed writes can be deleted too.
        if old:
            self._data.cleanup_old_versions(versions=old, delete_unverified=True)
        else:
            self._data.cleanup_old_versions(older_than=_FOREVER, delete_unverified=True)

    def _delete_unfinished_files(self) -> None:
        """Delete what a writer that was killed wrote for a version that it did not make."""
        try:
            unused = unused_files(self._data, self.path)
        except BaseException as error:
            if not is_file_failure(error):
                raise
            return  # an older version is damaged: `verify` names it
        for name in unused:
            with suppress(OSError):
                (self.path / name).unlink()

    def delete_unused_files(self) -> None:
        """Delete files of a failed change, if it made no version."""
        if self._data.latest_version == self._data.version:
            self._data.cleanup_old_versions(older_than=_FOREVER, delete_unverified=True)


def _text_index(column: str) -> str:
    """What Lance calls the index of a column."""
    return f"{column}_idx"


class Tables:
    """Both tables, open for writing.

    Raises:
        IndexFormatError: one is missing or damaged.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        from indexes.schema import MEDIA_SCHEMA

        try:
            self.media = Table(folder / MEDIA, manifest.commit.media_version, MEDIA_SCHEMA)
            self.clips = Table(folder / CLIPS, manifest.commit.clips_version, schema_of_clips(manifest))
        except IndexFormatError as error:
            raise DamagedIndexError(folder, reason(error)) from error

        self._folder = folder

    def media_ids(self) -> dict[str, int]:
        """The number of each file, by its stored path.

        Raises:
            IndexFormatError: the table is damaged.
        """
        from indexes.arrays import check_filled  # imports numpy, which no help needs

        try:
            files = self.media.rows("true", ["path", "media_id"])
            check_filled(files, "path", "media_id")
            return dict(zip(files["path"].to_pylist(), files["media_id"].to_pylist(), strict=True))
        except BaseException as error:
            if not isinstance(error, IndexFormatError) and not is_file_failure(error):
                raise
            raise DamagedIndexError(self._folder, reason(error)) from error

    def versions(self) -> dict[str, int]:
        """The fields of a `Commit` that name the current versions."""
        return {"media_version": self.media.version, "clips_version": self.clips.version}

    def delete_unused_files(self) -> None:
        """Delete files of a failed change as far as possible, so that a full disk does not stay full."""
        for table in (self.media, self.clips):
            with suppress(OSError, ValueError, RuntimeError):
                table.delete_unused_files()

    def flush(self) -> None:
        """Wait until all that was written is on the disk."""
        self.clips.flush()
        self.media.flush()
