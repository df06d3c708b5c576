"""Approximate nearest neighbours: a FAISS index over codes of reduced vectors that finds candidates."""

from __future__ import annotations

import logging
import math
from pathlib import Path
from typing import Any, Self

import numpy as np

from indexes.vectors import import_faiss
from indexes.vectors.faiss_file import read_faiss_file
from indexes.vectors.kinds import LINKS, Kind
from indexes.vectors.reduce import evenly_spaced_rows

logger = logging.getLogger(__name__)

EF_CONSTRUCTION = 80
# The number of lists is LISTS_PER_ROOT times the square root of the number of clips, between these.
LISTS_PER_ROOT, MIN_LISTS, MAX_LISTS = 4, 16, 8192
TRAINING_CLIPS_PER_LIST = 40
TRAINING_ITERATIONS = 8
# Codes of graphs are trained on up to this many clips.
MAX_CODE_TRAINING_ROWS = 50_000
# Rows added at once: between two blocks the program can be interrupted.
_BLOCK = 16_384


class AnnIndex:
    """Finds candidates for queries among the first `rows` embeddings of an index.

    Their scores are approximate, so callers rank them again by the full vectors. Threads may share it for
    searching.
    """

    def __init__(self, kind: Kind, faiss_index: Any) -> None:
        self.kind = kind
        self._faiss_index = faiss_index

    @classmethod
    def train(cls, kind: Kind, embeddings: np.ndarray, axes: np.ndarray) -> Self:
        """An empty index of a kind, with lists and codes trained on float16 [n, E].

        Args:
            axes: the directions that vectors are reduced to, float32 [d, E].
        """
        faiss = import_faiss()
        reduced = len(axes)
        if kind.random_rotation:
            axes = random_rotation(reduced) @ axes
        lists = list_count(len(embeddings))
        inner = faiss.index_factory(reduced, _factory(kind, reduced, lists), faiss.METRIC_INNER_PRODUCT)
        if kind.has_lists:
            inner.cp.niter = TRAINING_ITERATIONS
            inner.cp.min_points_per_centroid = 1  # no warning when there are few clips for each list
            inner.cp.max_points_per_centroid = TRAINING_CLIPS_PER_LIST
        else:
            inner.hnsw.efConstruction = EF_CONSTRUCTION
        limit = max(MAX_CODE_TRAINING_ROWS, TRAINING_CLIPS_PER_LIST * lists if kind.has_lists else 0)
        sample = embeddings[evenly_spaced_rows(len(embeddings), limit)]
        inner.train(np.concatenate([block.astype(np.float32) @ axes.T for block in _blocks(sample)]))
        return cls(kind, with_projection(axes, inner))

    @classmethod
    def read(cls, kind: Kind, path: Path, *, rows: int, size: int) -> Self:
        """A stored index over `rows` embeddings of E = `size` dimensions.

        Raises:
            OSError, ValueError: the file does not hold one.
        """
        return cls(kind, read_faiss_file(path, kind, rows=rows, size=size))

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
    def faiss_index(self) -> Any:
        """The index of FAISS that it wraps."""
        return self._faiss_index

    @property
    def rows(self) -> int:
        """How many embeddings it holds."""
        return int(self._faiss_index.ntotal)

    @property
    def reduced(self) -> int:
        """d, dimensions of a reduced vector."""
        return int(self._faiss_index.chain.at(0).d_out)

    @property
    def lists(self) -> int:
        """How many inverted lists it has; 0 for a graph."""
        return int(self._inner.nlist) if self.kind.has_lists else 0

    @property
    def efforts(self) -> tuple[int, ...]:
        """Search efforts to choose from, ascending."""
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


def list_count(rows: int) -> int:
    """How many inverted lists suit so many rows."""
    return min(MAX_LISTS, max(MIN_LISTS, int(LISTS_PER_ROOT * math.sqrt(rows))), rows)


def with_projection(axes: np.ndarray, inner: Any) -> Any:
    """A FAISS index that takes vectors [E] to an index of vectors reduced by `axes`, float32 [d, E]."""
    faiss = import_faiss()
    projection = faiss.LinearTransform(axes.shape[1], len(axes), False)
    faiss.copy_array_to_vector(np.ascontiguousarray(axes).ravel(), projection.A)
    projection.is_trained = True
    index = faiss.IndexPreTransform(projection, inner)
    index.is_trained = True
    return index


def random_rotation(size: int) -> np.ndarray:
    """A random rotation, float32 [d, d], the same in every call."""
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
