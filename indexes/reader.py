"""The commit that an `Index` reads from, and what happens when its files disappear during a read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from indexes.errors import DamagedIndexError, IndexFormatError
from indexes.manifest import Manifest, read_manifest
from indexes.reasons import is_file_failure, reason
from indexes.snapshot import Snapshot

if TYPE_CHECKING:
    import pyarrow as pa

T = TypeVar("T")


class SnapshotReader:
    """Holds the snapshot that is being read; moves to the newest commit on `refresh`, or when old files are gone."""

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        self.snapshot = Snapshot(folder, manifest)

    @property
    def folder(self) -> Path:
        """The folder of the index."""
        return self.snapshot.folder

    @property
    def manifest(self) -> Manifest:
        """The manifest of the commit that is being read."""
        return self.snapshot.manifest

    def refresh(self) -> bool:
        """Move to the newest commit. Returns whether its content differs."""
        manifest = read_manifest(self.folder)
        if manifest == self.manifest:
            return False
        changed = _content(manifest) != _content(self.manifest)
        self.snapshot = Snapshot(self.folder, manifest)
        return changed

    def reopen(self) -> None:
        """Use new vector files of the commit that is being read already."""
        self.snapshot = Snapshot(self.folder, self.manifest)

    def read(self, function: Callable[[Snapshot], T]) -> T:
        """What the function returns for the snapshot; it is called again if the snapshot's files are gone.

        Raises:
            IndexFormatError: the index is damaged.
        """
        snapshot = self.snapshot
        try:
            return function(snapshot)
        except BaseException as error:
            if not is_file_failure(error) and not isinstance(error, IndexFormatError):
                raise
            # A reader that keeps a commit for longer than old versions are kept moves to the newest one.
            if read_manifest(self.folder) != snapshot.manifest:
                self.refresh()
                return self.read(function)
            if isinstance(error, DamagedIndexError):
                raise
            raise self._damaged(error) from error

    def guard(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """The same batches, with failures to read them as `IndexFormatError`."""
        try:
            yield from batches
        except BaseException as error:
            if not is_file_failure(error):
                raise
            raise self._damaged(error) from error

    def _damaged(self, error: BaseException) -> IndexFormatError:
        return DamagedIndexError(self.folder, reason(error))


def _content(manifest: Manifest) -> tuple[str, int]:
    return manifest.index_id, manifest.commit.number
