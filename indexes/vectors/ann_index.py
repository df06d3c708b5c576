"""A FAISS index over codes of reduced vectors: finds candidates; who wants exact scores ranks those again."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any, Self

import numpy as np

from indexes.vectors import import_faiss
from indexes.vectors.kinds import LINKS, Kind
from indexes.vectors.reduce import spread_rows

logger = logging.getLogger(__name__)

EF_CONSTRUCTION = 80
# Lists: this many times the square root of the number of clips, at most so many, learnt from so many clips for each.
LISTS_PER_ROOT, MOST_LISTS = 4, 8192
CLIPS_PER_LIST = 40
LEARNING_ROUNDS = 8
# Codes that are not those of lists are learnt from this many clips.
_LEARNT_FROM = 50_000
# Rows added at once: between two blocks the program can be interrupted.
_BLOCK = 16_384


class FastIndex:
    """Candidates for queries over the first `rows` embeddings of an index. Threads may share it for searching."""

    def __init__(self, kind: Kind, faiss_index: Any) -> None:
        self.kind = kind
        self._faiss_index = faiss_index

    @classmethod
    def learn(cls, kind: Kind, embeddings: np.ndarray, axes: np.ndarray) -> Self:
        """An empty index of a kind, with lists and codes learnt from float16 [n, E].

        Args:
            axes: the directions that vectors are reduced to, float32 [d, E].
        """
        faiss = import_faiss()
        reduced, size = axes.shape
        if kind.mixes:
            axes = _mixing(reduced) @ axes
        wanted = max(16, int(LISTS_PER_ROOT * math.sqrt(len(embeddings))))
        lists = min(MOST_LISTS, wanted, len(embeddings))
        inner = faiss.index_factory(reduced, _factory(kind, reduced, lists), faiss.METRIC_INNER_PRODUCT)
        if kind.has_lists:
            inner.cp.niter = LEARNING_ROUNDS
            inner.cp.min_points_per_centroid = 1  # few clips for each list are no reason for a warning
            inner.cp.max_points_per_centroid = CLIPS_PER_LIST
        else:
            inner.hnsw.efConstruction = EF_CONSTRUCTION
        rotation = faiss.LinearTransform(size, reduced, False)
        faiss.copy_array_to_vector(np.ascontiguousarray(axes).ravel(), rotation.A)
        rotation.is_trained = True
        most = max(_LEARNT_FROM, CLIPS_PER_LIST * lists if kind.has_lists else 0)
        sample = embeddings[spread_rows(len(embeddings), most)]
        inner.train(np.concatenate([part.astype(np.float32) @ axes.T for part in _blocks(sample)]))
        index = faiss.IndexPreTransform(rotation, inner)
        index.is_trained = True
        return cls(kind, index)

    @classmethod
    def read(cls, kind: Kind, path: Path) -> Self:
        """A stored index.

        Raises:
            OSError: the file cannot be read as one.
        """
        try:
            return cls(kind, import_faiss().read_index(str(path)))
        except RuntimeError as error:
            raise OSError(f"cannot read {path}: {error}") from error

    def write(self, path: Path) -> None:
        """Store it.

        Raises:
            OSError: the file cannot be written.
        """
        try:
            import_faiss().write_index(self._faiss_index, str(path))
        except RuntimeError as error:
            raise OSError(f"cannot write {path}: {error}") from error

    @property
    def rows(self) -> int:
        """How many embeddings it holds."""
        return int(self._faiss_index.ntotal)

    @property
    def reduced(self) -> int:
        """d, numbers of a reduced vector."""
        return int(self._faiss_index.chain.at(0).d_out)

    @property
    def lists(self) -> int:
        """How many lists it has; 0 for a graph."""
        return int(self._inner.nlist) if self.kind.has_lists else 0

    @property
    def efforts(self) -> tuple[int, ...]:
        """What `search` may be tuned to."""
        return self.kind.efforts(self.lists)

    def add(self, embeddings: np.ndarray) -> None:
        """Add float16 [n, E] as the next rows."""
        total = self.rows + len(embeddings)
        for block in _blocks(embeddings):
            self._faiss_index.add(block.astype(np.float32))
            logger.info("vector index: %d of %d clips", self.rows, total)

    def search(
        self, queries: np.ndarray, candidates: int, effort: int, *, mask: np.ndarray | None = None
    ) -> np.ndarray:
        """Row numbers of the likely best, int64 [Q, candidates]; -1 where there are no more.

        Args:
            queries: float32 [Q, E].
            candidates: how many for each query.
            effort: lists to probe, or efSearch of a graph.
            mask: bool [rows], which rows may be found; only for kinds with lists.
        """
        faiss = import_faiss()
        if self.kind.has_lists:
            selector = None if mask is None else _selector(mask)
            inner = faiss.SearchParametersIVF(nprobe=effort, sel=selector)
        else:
            inner = faiss.SearchParametersHNSW(efSearch=max(effort, candidates))
        parameters = faiss.SearchParametersPreTransform(index_params=inner)
        found: np.ndarray = self._faiss_index.search(queries, candidates, params=parameters)[1]
        return found

    @property
    def _inner(self) -> Any:
        return import_faiss().downcast_index(self._faiss_index.index)


def _mixing(size: int) -> np.ndarray:
    """A rotation at random, the same every time: float32 [d, d]."""
    random = np.random.default_rng(0).standard_normal((size, size))
    return np.ascontiguousarray(np.linalg.qr(random)[0], np.float32)


def _factory(kind: Kind, reduced: int, lists: int) -> str:
    codes = kind.codes.format(reduced // 2)
    return f"IVF{lists},{codes}" if kind.has_lists else f"HNSW{LINKS},{codes}"


def _selector(mask: np.ndarray) -> Any:
    faiss = import_faiss()
    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


def _blocks(rows: np.ndarray) -> list[np.ndarray]:
    return [rows[begin : begin + _BLOCK] for begin in range(0, len(rows), _BLOCK)]
