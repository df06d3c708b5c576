"""Which way to search: NumPy, FAISS exact, FAISS HNSW, or a GPU; always right, whatever rows are asked for."""

from __future__ import annotations

import math
import threading
from typing import Literal

import numpy as np

from indexes.vectors import import_faiss
from indexes.vectors.exact import best, search_rows

VectorKind = Literal["exact", "hnsw", "gpu"]

# Up to this many rows NumPy is as fast as FAISS.
FEW_ROWS = 2_000

# Importing FAISS costs as much as scanning about this many rows in NumPy. A process that asks once does not load it.
ROWS_BEFORE_FAISS = 60_000

# More results than this are not asked of the graph or the GPU: scanning is as fast, and a GPU gives 2,048 at most.
MOST_CANDIDATES = 1_024


class VectorSearch:
    """Search over the embeddings of one commit. Threads may share it.

    Args:
        embeddings: float16 [n, E].
        graph: a stored HNSW graph over the first `graph_rows` of them.
    """

    def __init__(self, embeddings: np.ndarray, *, graph: bytes | None = None, graph_rows: int = 0) -> None:
        self._embeddings = embeddings
        self._graph, self._graph_rows = graph, graph_rows
        self._scanned = 0
        self._faiss: _FaissSearch | None = None
        self._lock = threading.Lock()

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The `k` best of `rows` by inner product.

        Args:
            queries: float32 [Q, E].
            k: how many; fewer come back if there are fewer rows.
            rows: the positions that may be found, int64 [m], ascending.

        Returns:
            Scores float32 [Q, min(k, m)], best first, and positions int64.
        """
        k = min(k, len(rows))
        if k == 0:
            return np.zeros((len(queries), 0), np.float32), np.zeros((len(queries), 0), np.int64)
        if self._faiss is None:
            self._scanned += len(queries) * len(rows)
        if len(rows) <= FEW_ROWS or (self._faiss is None and self._scanned <= ROWS_BEFORE_FAISS):
            return search_rows(self._embeddings, queries, rows, k)
        return self.load_faiss().search(queries, k, rows)

    def load_faiss(self) -> _FaissSearch:
        """Load FAISS and its structures now rather than when they begin to pay."""
        with self._lock:
            if self._faiss is None:
                self._faiss = _FaissSearch(self._embeddings, self._graph, self._graph_rows)
                self._graph = None  # the bytes are not needed twice
            return self._faiss


class _FaissSearch:
    """Exact storage of all rows, and in front of it a faster index over the first `fast_rows` of them."""

    def __init__(self, embeddings: np.ndarray, graph: bytes | None, graph_rows: int) -> None:
        from indexes.vectors.gpu import make_gpu_index
        from indexes.vectors.graph import load_graph, make_storage

        self.kind: VectorKind = "exact"
        self._total = len(embeddings)
        self._storage = make_storage(embeddings)
        self._fast = make_gpu_index(embeddings)
        self._fast_rows = self._total
        if self._fast is not None:
            self.kind = "gpu"
        elif graph is not None:
            self.kind = "hnsw"
            self._fast, self._fast_rows = load_graph(graph, self._storage), graph_rows

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        # Of few rows among many, the fast index would find none: it does not know which are asked for.
        candidates = math.ceil(1.5 * k * self._total / len(rows)) + 16
        if self._fast is None or 2 * len(rows) < self._total or candidates > MOST_CANDIDATES:
            return self._scan(queries, k, rows)
        return self._search_fast(queries, k, rows, min(candidates, self._fast_rows))

    def _scan(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(rows) == self._total:
            return self._storage.search(queries, k)
        faiss = import_faiss()
        selector = faiss.IDSelectorBitmap(np.packbits(self._mask(rows), bitorder="little"))
        return self._storage.search(queries, k, params=faiss.SearchParameters(sel=selector))

    def _search_fast(
        self, queries: np.ndarray, k: int, rows: np.ndarray, candidates: int
    ) -> tuple[np.ndarray, np.ndarray]:
        scores, found = self._fast.search(queries, candidates, params=self._parameters(candidates))
        allowed = (found >= 0) & self._mask(rows)[found]
        scores[~allowed] = -np.inf
        tail = rows[np.searchsorted(rows, self._fast_rows) :]
        enough = allowed.sum(axis=1) >= min(k, len(rows) - len(tail))
        if len(tail):
            tail_scores, tail_found = self._scan(queries, min(k, len(tail)), tail)
            scores, found = np.hstack([scores, tail_scores]), np.hstack([found, tail_found])
        scores, found = best(scores, found, k)
        if not enough.all():
            # Nearly all candidates were masked, as after a folder of like videos was removed.
            scores[~enough], found[~enough] = self._scan(queries[~enough], k, rows)
        return scores, found

    def _parameters(self, candidates: int) -> object:
        from indexes.vectors.graph import EF_SEARCH

        if self.kind != "hnsw":
            return None
        return import_faiss().SearchParametersHNSW(efSearch=max(EF_SEARCH, 2 * candidates))

    def _mask(self, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(self._total, bool)
        mask[rows] = True
        return mask
