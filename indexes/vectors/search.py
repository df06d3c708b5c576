"""Which way to search: NumPy, FAISS exact, a fast index and exact ranking, or a GPU; right whatever rows count."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from indexes.vectors import import_faiss
from indexes.vectors.ann_index import FastIndex
from indexes.vectors.exact import best, rank_rows, search_rows
from indexes.vectors.extended_rows import Embeddings

# Up to this many rows NumPy is as fast as FAISS.
FEW_ROWS = 2_000

# Importing FAISS costs as much as scanning about this many rows in NumPy. A process that asks once does not load it.
ROWS_BEFORE_FAISS = 60_000

# More candidates than this are not asked of the fast index or the GPU: scanning is as fast, and a GPU gives 2,048.
MOST_CANDIDATES = 1_024

# Where the vectors stay on disk, more rows than this are looked for with the fast index even under a filter.
MOST_SCANNED = 200_000


class StoredFast(NamedTuple):
    """A fast index that can be loaded when it is needed."""

    read: Callable[[], FastIndex | None]  # None if it is damaged
    effort: int
    rows_fit: bool  # whether there is memory for all full vectors beside it


class VectorSearch:
    """Search over the embeddings of one commit. Threads may share it.

    Args:
        embeddings: float16 [n, E].
        fast: the stored index that finds candidates among the first of them, if there is one.
    """

    def __init__(self, embeddings: Embeddings, fast: StoredFast | None = None) -> None:
        self._embeddings = embeddings
        self._stored_fast = fast
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
                self._faiss = _FaissSearch(self._embeddings, self._stored_fast)
            return self._faiss


class _FaissSearch:
    """A GPU that holds all rows, or a fast index that gives candidates, or neither; and exact search beside it."""

    def __init__(self, embeddings: Embeddings, stored: StoredFast | None) -> None:
        from indexes.vectors.gpu import make_gpu_index

        self._embeddings = embeddings
        self._total = len(embeddings)
        self._lock = threading.Lock()
        self._storage: Any = None
        self._gpu = make_gpu_index(embeddings)
        self._fast = stored.read() if stored is not None and self._gpu is None else None
        self._effort = stored.effort if stored is not None else 0
        self._rows_fit = stored is None or stored.rows_fit
        if self._gpu is None and self._fast is None and self._rows_fit:
            self._load_storage()

    @property
    def kind(self) -> str:
        """The name of the way: "gpu", "exact", or that of the fast index."""
        if self._gpu is not None:
            return "gpu"
        return self._fast.kind.name if self._fast is not None else "exact"

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorSearch.search`."""
        share = len(rows) / self._total
        # Of few rows among many, the fast index would find none: it does not know which are asked for.
        if share >= 0.5:
            candidates = math.ceil(1.5 * k / share) + 16
            if self._gpu is not None and candidates <= MOST_CANDIDATES:
                scores, found = self._gpu.search(queries, min(candidates, self._total))
                return self._only(queries, k, rows, scores, found)
            if self._fast is not None and candidates <= MOST_CANDIDATES:
                return self._search_fast(queries, k, rows, candidates)
        elif self._looks_selected(len(rows)) and k <= MOST_CANDIDATES:
            return self._search_selected(queries, k, rows)
        return self._scan(queries, k, rows)

    def _looks_selected(self, rows: int) -> bool:
        """Whether rows that pass a filter are too many to read from disk, and the fast index takes filters."""
        fast = self._fast
        return fast is not None and fast.kind.has_lists and not self._rows_fit and rows > MOST_SCANNED

    def _search_fast(
        self, queries: np.ndarray, k: int, rows: np.ndarray, candidates: int
    ) -> tuple[np.ndarray, np.ndarray]:
        fast = self._fast
        assert fast is not None
        most = max(candidates, math.ceil(fast.kind.candidates * candidates / (1.5 * 10 + 16)))
        found = fast.search(queries, min(most, MOST_CANDIDATES, fast.rows), self._effort)
        scores, found = rank_rows(self._embeddings, queries, found, min(candidates, fast.rows))
        return self._only(queries, k, rows, scores, found)

    def _search_selected(
        self, queries: np.ndarray, k: int, rows: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """The fast index told which rows count; it probes more lists, so that as many rows as ever are looked at."""
        fast = self._fast
        assert fast is not None
        most = min(MOST_CANDIDATES, math.ceil(fast.kind.candidates * max(k, 10) / 10))
        effort = min(fast.lists, math.ceil(self._effort * self._total / len(rows)))
        found = fast.search(queries, most, effort, mask=self._mask(rows)[: fast.rows])
        scores, found = rank_rows(self._embeddings, queries, found, k)
        return self._only(queries, k, rows, scores, found)

    def _only(
        self, queries: np.ndarray, k: int, rows: np.ndarray, scores: np.ndarray, found: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Of what was found the best of `rows`, with those rows that could not be found."""
        at = np.searchsorted(rows, found).clip(max=len(rows) - 1)
        allowed = rows[at] == found
        scores[~allowed] = -np.inf
        covered = self._total if self._fast is None else self._fast.rows
        tail = rows[np.searchsorted(rows, covered) :]
        enough = allowed.sum(axis=1) >= min(k, len(rows) - len(tail))
        if len(tail):
            tail_scores, tail_found = self._scan(queries, min(k, len(tail)), tail)
            scores, found = np.hstack([scores, tail_scores]), np.hstack([found, tail_found])
        scores, found = best(scores, found, k)
        if not enough.all():
            # Nearly all candidates were masked, as after a folder of like videos was removed.
            scores[~enough], found[~enough] = self._scan(queries[~enough], k, rows)
        return scores, found

    def _scan(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(rows) <= FEW_ROWS or not self._rows_fit:
            return search_rows(self._embeddings, queries, rows, k)
        storage = self._load_storage()
        if len(rows) == self._total:
            return storage.search(queries, k)
        faiss = import_faiss()
        selector = faiss.IDSelectorBitmap(np.packbits(self._mask(rows), bitorder="little"))
        return storage.search(queries, k, params=faiss.SearchParameters(sel=selector))

    def _load_storage(self) -> Any:
        """Exact search over a copy of all rows in memory, made when it is first needed."""
        with self._lock:
            if self._storage is None:
                self._storage = _make_storage(self._embeddings)
            return self._storage

    def _mask(self, rows: np.ndarray) -> np.ndarray:
        mask = np.zeros(self._total, bool)
        mask[rows] = True
        return mask


def _make_storage(embeddings: Embeddings) -> Any:
    """A `faiss.IndexScalarQuantizer` by inner product: its fp16 codes are the float16 [n, E] rows byte for byte."""
    faiss = import_faiss()

    storage = faiss.IndexScalarQuantizer(
        embeddings.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    if len(embeddings):
        storage.add_sa_codes(np.ascontiguousarray(embeddings, "<f2").view(np.uint8))
    return storage
