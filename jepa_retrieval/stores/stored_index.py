"""`StoredIndex`: an index in an object store, used as one on this machine is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from indexes import Index
from indexes.manifest import read_manifest
from jepa_retrieval.source_paths import is_remote
from jepa_retrieval.stores.mirror import IndexMirror
from jepa_retrieval.user_paths import absolute

_RECENT_SECONDS = 2.0  # for which the store is not asked again


class StoredIndex(Index):
    """An index in a store: reads come from the copy on this machine, `refresh` brings that up to date."""

    def __init__(self, mirror: IndexMirror) -> None:
        super().__init__(mirror.folder, read_manifest(mirror.folder))
        self.mirror = mirror
        self._asked = time.monotonic()

    @classmethod
    def open(cls, folder: str | Path) -> Self:
        """Open the index at a path such as `//s3/bucket/key`.

        Raises:
            IndexNotFoundError: there is none.
            IndexStoreError: the store refuses, or does not answer.
            UsageError: the store's package is not installed, or it is a web server.
        """
        mirror = IndexMirror(Path(folder))
        mirror.pull()
        return cls(mirror)

    @property
    def place(self) -> str:
        """See `Index.place`: its address in the store."""
        return self.mirror.url

    def refresh(self) -> bool:
        """See `Index.refresh`; errors as of `open`."""
        if time.monotonic() - self._asked > _RECENT_SECONDS:
            self.mirror.pull()
            self._asked = time.monotonic()
        return super().refresh()


def open_index(folder: Path) -> Index:
    """An index in a folder or in a store; errors as of `Index.open` and `StoredIndex.open`."""
    return StoredIndex.open(folder) if is_remote(folder) else Index.open(folder)


def stored_index_exists(path: Path | str) -> bool:
    """Whether there is an index at a path such as `//s3/bucket/key`; errors as of `StoredIndex.open`."""
    return IndexMirror(absolute(path)).exists()


def renewed(old: Index, new: Index) -> Index:
    """The index that has taken the place of an old one: in a store, if that was."""
    return StoredIndex(old.mirror) if isinstance(old, StoredIndex) else new


@contextmanager
def changing(index: Index) -> Iterator[None]:
    """Within, the index may be written to. One in a store is locked there, and gets what was written at the end.

    Raises:
        IndexLockedError: another process is writing to it.
        IndexWriteError: the store refuses, or does not answer.
    """
    if not isinstance(index, StoredIndex):
        yield
        return
    with index.mirror.writing():
        Index.refresh(index)
        yield
