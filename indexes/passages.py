"""`Index.passages`: what is said and written, found by its meaning."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexes.errors import IndexStoreError, IndexWriteError
from indexes.manifest import read_manifest
from indexes.reader import SnapshotReader
from indexes.reasons import reason
from indexes.records import Passage, PassageHit
from indexes.vectors import passages as stored

if TYPE_CHECKING:
    from indexes.vectors.passages import Encode
    from indexes.writer import IndexWriter


class Passages:
    """Texts of an index's clips by the vectors of their meaning.

    Args:
        reader: of the index.
    """

    def __init__(self, reader: SnapshotReader) -> None:
        self._reader = reader

    @property
    def are_complete(self) -> bool:
        """Whether they were stored for the commit that is being read; if not, there may still be older ones."""
        return stored.is_current(self._reader.folder, self._reader.manifest)

    def search(
        self,
        vector: np.ndarray,
        *,
        k: int,
        senses: Sequence[str],
        where: str | None = None,
        per_text: int | None = None,
    ) -> list[PassageHit]:
        """The passages nearest to a query, best first; none where the index has no vectors of them.

        Of a text that a clip has more than once the first place is given. A passage whose text has changed since is
        among them: compare its `key` with that of the text.

        Args:
            vector: of the query, float32 [E], unit length.
            k: maximum number of hits.
            senses: some of `indexes.records.PASSAGE_SENSES`.
            where: as in `Index.search`.
            per_text: maximum number of hits with the same text; None for `k`.

        Raises:
            FilterError: `where` is not valid.
            IndexStoreError: the vector has the wrong shape.
        """
        size = self._reader.manifest.embedding_size
        if vector.shape != (size,):
            raise IndexStoreError(f"a query vector must have shape [{size}], not {list(vector.shape)}")
        query = np.ascontiguousarray(vector[None], np.float32)
        return self._reader.read(
            lambda snapshot: snapshot.search_passages(
                query, k=k, per_text=per_text, senses=senses, where=where
            )
        )

    def count(self) -> int:
        """How many different texts have vectors."""
        return self._reader.read(lambda snapshot: len(snapshot.passage_rows))

    def sample(self, limit: int) -> np.ndarray:
        """Vectors of up to `limit` of them, evenly spread, float32 [n, E]."""
        return self._reader.read(lambda snapshot: snapshot.sample_passages(limit))

    def store(self, writer: IndexWriter, passages: Iterable[Passage], encode: Encode) -> bool:
        """Make some passages the ones of the index, in a commit of its own; texts that have vectors keep them.

        Args:
            writer: of the same index.
            passages: all that there are, of the newest commit.
            encode: turns texts into vectors, float32 [n, E], unit length; zeros for a text that is not to be found.

        Returns:
            Whether anything has changed.

        Raises:
            IndexWriteError: the folder cannot be written; the records are safe.
        """
        writer.commit()
        folder = self._reader.folder
        manifest = read_manifest(folder)
        try:
            changed = stored.update(folder, manifest, passages, encode, commit=manifest.commit.number + 1)
        except OSError as error:
            raise IndexWriteError(f"cannot store passages in {folder}: {reason(error)}") from error
        if changed:
            writer.commit_again()  # readers that are open take them up
        return changed
