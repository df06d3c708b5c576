"""`Index.maintenance`: compact the tables, and plan, build and tune the vector index."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

import numpy as np

from indexes.errors import IndexStoreError, IndexWriteError
from indexes.files import check_writable
from indexes.reader import SnapshotReader
from indexes.reasons import reason
from indexes.untrusted import refuse_links
from indexes.vectors.search_settings import SearchSettings, read_search_settings

if TYPE_CHECKING:
    from pathlib import Path

    from indexes.vectors.plan import Plan
    from indexes.writer import IndexWriter


class Maintenance:
    """Upkeep of an index's files. Nothing here changes the records.

    Args:
        reader: of the index; it is reopened after new files were written.
    """

    def __init__(self, reader: SnapshotReader) -> None:
        self._reader = reader

    @property
    def search_settings(self) -> SearchSettings:
        """The settings that `optimize` stored; the defaults if there are none."""
        return read_search_settings(self._reader.folder)

    def copy_search_settings(self, source: Path) -> None:
        """Take over the search settings of the index in another folder.

        Raises:
            IndexWriteError: the folder cannot be written.
        """
        from indexes.vectors.search_settings import copy_search_settings

        try:
            copy_search_settings(source, self._reader.folder)
        except OSError as error:
            raise self._cannot_write(error) from error

    def check_writer(self) -> None:
        """Refuse what `Index.writer` refuses, as far as that shows without writing; another writer may be at work.

        Raises:
            IndexFormatError: a table is damaged, or the folder holds links.
            IndexWriteError: the folder cannot be written.
        """
        refuse_links(self._reader.folder)
        try:
            check_writable(self._reader.folder)
        except OSError as error:
            raise self._cannot_write(error) from error
        self._reader.read(lambda snapshot: (snapshot.media_table, snapshot.clips_table))

    def plan(self, settings: SearchSettings | None = None) -> Plan:
        """The kind of vector index for these settings, with its memory and expected recall; nothing is built.

        Args:
            settings: None for those that are stored with the index.

        Raises:
            IndexStoreError: the settings name a kind that does not exist.
        """
        from indexes.vectors.growth import plan_for

        used = self.search_settings if settings is None else settings
        return self._reader.read(lambda snapshot: plan_for(used, snapshot.loaded.embeddings))

    def optimize(
        self, *, keep_versions: timedelta | None = None, settings: SearchSettings | None = None
    ) -> None:
        """Compact the tables, delete old versions and rebuild the vector files.

        Args:
            keep_versions: keep versions that were replaced less than this ago, for readers that still use them;
                None means an hour.
            settings: search settings to store and use from now on; None keeps those that are stored.

        Raises:
            IndexStoreError: `settings` allow less memory than any kind of vector index takes here.
            IndexLockedError, IndexWriteError: as `Index.writer`.
        """
        if settings is not None and not (plan := self.plan(settings)).fits:
            clips = self._reader.read(lambda snapshot: len(snapshot.loaded.hits))
            raise IndexStoreError(
                f"searching the {clips:,} clips in {self._reader.folder} takes about "
                f"{plan.memory / 1e6:,.1f} MB of memory ({plan.kind.name}), more than the limit that was set"
            )
        with self._writer() as writer:
            writer.optimize(keep_versions=keep_versions, settings=settings)
        self._reader.reopen()

    def build_vectors(self) -> None:
        """Rebuild the files for vector search.

        Raises:
            IndexLockedError, IndexWriteError: as `Index.writer`.
        """
        with self._writer() as writer:
            writer.build_vectors()
        self._reader.reopen()

    def save_queries(self, queries: np.ndarray) -> None:
        """Store sample queries: the recall of the vector index is measured, and its effort chosen, with them.

        Args:
            queries: float32 [Q, E], similar to the queries to expect; a few hundred are enough.

        Raises:
            IndexStoreError: their shape is wrong.
            IndexWriteError: the folder cannot be written.
        """
        from indexes.vectors.sample_queries import write_queries

        size = self._reader.manifest.embedding_size
        if queries.ndim != 2 or queries.shape[1] != size:
            raise IndexStoreError(
                f"sample queries must have shape [queries, {size}], not {list(queries.shape)}"
            )
        try:
            write_queries(self._reader.folder, queries)
        except OSError as error:
            raise self._cannot_write(error) from error

    def tune(self) -> None:
        """Choose the search effort with the sample queries, if that was not done yet.

        Raises:
            IndexLockedError, IndexWriteError: as `Index.writer`.
        """
        from indexes.vectors.growth import is_untuned

        if is_untuned(self._reader.folder, self._reader.manifest):
            with self._writer() as writer:
                writer.tune()
            self._reader.reopen()

    def _writer(self) -> IndexWriter:
        from indexes.writer import IndexWriter

        return IndexWriter(self._reader.folder, on_close=self._reader.refresh)

    def _cannot_write(self, error: OSError) -> IndexWriteError:
        return IndexWriteError(f"cannot write to {self._reader.folder}: {reason(error)}")
