"""What `Index` can be asked to do for its search: tidy, build, choose a kind, measure."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import numpy as np

from indexes.errors import IndexStoreError, IndexWriteError
from indexes.manifest import Manifest
from indexes.reasons import reason
from indexes.snapshot import Snapshot

if TYPE_CHECKING:
    from indexes.vectors.kinds import Plan, Wanted
    from indexes.writer import IndexWriter

T = TypeVar("T")


class Upkeep(ABC):
    """The part of an index that looks after its tables and vector files."""

    @property
    @abstractmethod
    def folder(self) -> Path:
        """Where the index lies."""

    @property
    @abstractmethod
    def manifest(self) -> Manifest:
        """What the index is, and the commit that is being read."""

    @abstractmethod
    def count_clips(self) -> int:
        """How many clips there are."""

    @abstractmethod
    def writer(self) -> IndexWriter:
        """Start writing."""

    @abstractmethod
    def _read(self, read: Callable[[Snapshot], T]) -> T: ...

    @abstractmethod
    def _reopen(self) -> None: ...

    def build_vectors(self) -> None:
        """Build the files for vector search anew.

        Raises:
            IndexLockedError, IndexWriteError: as `writer`.
        """
        with self.writer() as writer:
            writer.build_vectors()
        self._reopen()

    @property
    def wanted(self) -> Wanted:
        """What is asked of the search, as `optimize` stored it."""
        from indexes.vectors.search_settings import read_wanted

        return read_wanted(self.folder)

    def plan(self, wanted: Wanted | None = None) -> Plan:
        """Which kind of vector index serves what is wanted, with its memory and expected recall; nothing is built.

        Args:
            wanted: what is asked of the search; None for what is stored with the index.

        Raises:
            IndexStoreError: there is no kind of the asked-for name.
        """
        from indexes.vectors.growth import plan_for

        asked = self.wanted if wanted is None else wanted
        return self._read(lambda snapshot: plan_for(asked, snapshot.loaded.embeddings))

    def optimize(self, *, keep_versions: timedelta | None = None, wanted: Wanted | None = None) -> None:
        """Join small fragments of the tables, delete old versions and build the vector files anew.

        Args:
            keep_versions: spare versions that were the present one this lately, for readers that still use
                them; None means an hour.
            wanted: what is asked of the search from now on; None for what was asked before.

        Raises:
            IndexStoreError: `wanted` asks for less memory than any kind of vector index takes here.
            IndexLockedError, IndexWriteError: as `writer`.
        """
        if wanted is not None and not (plan := self.plan(wanted)).fits:
            raise IndexStoreError(
                f"a search of the {self.count_clips():,} clips in {self.folder} takes about "
                f"{plan.memory / 1e6:,.1f} MB of memory ({plan.kind.name}), more than was asked for"
            )
        with self.writer() as writer:
            writer.optimize(keep_versions=keep_versions, wanted=wanted)
        self._reopen()

    def take_settings(self, other: Upkeep) -> None:
        """Ask of the search what is asked of that of another index.

        Raises:
            IndexWriteError: the folder cannot be written.
        """
        from indexes.vectors.search_settings import copy_wanted

        try:
            copy_wanted(other.folder, self.folder)
        except OSError as error:
            raise IndexWriteError(f"cannot write to {self.folder}: {reason(error)}") from error

    def save_queries(self, queries: np.ndarray) -> None:
        """Store sample queries: how well the vector index finds is measured with them, and its effort set.

        Args:
            queries: float32 [Q, E], of the kind that will be asked; a few hundred are enough.

        Raises:
            IndexStoreError: their shape is wrong.
            IndexWriteError: the folder cannot be written.
        """
        from indexes.vectors.search_settings import write_queries

        if queries.ndim != 2 or queries.shape[1] != self.manifest.embedding_size:
            raise IndexStoreError(f"sample queries have shape {list(queries.shape)}")
        try:
            write_queries(self.folder, queries)
        except OSError as error:
            raise IndexWriteError(f"cannot write to {self.folder}: {reason(error)}") from error

    def tune(self) -> None:
        """Measure the vector index with the sample queries, if it was measured without, and set its effort.

        Raises:
            IndexLockedError, IndexWriteError: as `writer`.
        """
        from indexes.vectors.growth import is_untuned

        if is_untuned(self.folder, self.manifest):
            with self.writer() as writer:
                writer.tune()
            self._reopen()
