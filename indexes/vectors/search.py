"""Vector search over any subset of rows: exact in NumPy or FAISS, approximate with exact ranking, or on a GPU."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from indexes.reasons import reason
from indexes.vectors import import_faiss
from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.exact import best, rank_rows, search_rows
from indexes.vectors.extended_rows import Embeddings

if TYPE_CHECKING:
    from indexes.vectors.gpu.index import GpuIndex
    from indexes.vectors.gpu.settings import GpuSettings

# Up to this many rows NumPy is as fast as FAISS.
MAX_NUMPY_ROWS = 2_000

# Importing FAISS takes as long as scanning about this many rows in NumPy: few queries do not need it.
MAX_ROWS_WITHOUT_FAISS = 60_000

# Above this many candidates scanning is as fast as the approximate index, and FAISS on a GPU returns at most 2,048.
MAX_CANDIDATES = 1_024

# Where the full vectors stay on disk, filters that keep more rows than this are searched with the approximate index.
MAX_ROWS_SCANNED = 200_000


class StoredAnnIndex(NamedTuple):
    """An approximate index that is loaded when it is first needed."""

    read: Callable[[], AnnIndex | None]  # None if it is damaged
    effort: int
    rows_fit: bool  # whether there is memory for all full vectors beside it


class VectorSearch:
    """Search over the embeddings of one commit. Threads may share it.

    Args:
        embeddings: float16 [n, E].
        ann: the stored approximate index over the first of them, if there is one.
        gpu: when and how a GPU is used; None: never.
    """

    def __init__(
        self, embeddings: Embeddings, ann: StoredAnnIndex | None = None, gpu: GpuSettings | None = None
    ) -> None:
        self._embeddings = embeddings
        self._stored_ann = ann
        self._gpu = gpu
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
        if len(rows) <= MAX_NUMPY_ROWS or (self._faiss is None and self._scanned <= MAX_ROWS_WITHOUT_FAISS):
            return search_rows(self._embeddings, queries, rows, k)
        return self.load_faiss().search(queries, k, rows)

    def load_faiss(self) -> _FaissSearch:
        """Load FAISS and its structures now, not only once there are enough queries."""
        with self._lock:
            if self._faiss is None:
                self._faiss = _FaissSearch(self._embeddings, self._stored_ann, self._gpu)
            return self._faiss


class _FaissSearch:
    """Search with FAISS: candidates from a GPU or an approximate index, ranked exactly; or exact search."""

    def __init__(
        self, embeddings: Embeddings, stored: StoredAnnIndex | None, gpu: GpuSettings | None
    ) -> None:
        self._embeddings = embeddings
        self._total = len(embeddings)
        self._lock = threading.Lock()
        self._storage: Any = None
        self._gpu = gpu
        self._ann = stored.read() if stored is not None else None
        self._effort = stored.effort if stored is not None else 0
        self._rows_fit = stored is None or stored.rows_fit
        is_on_gpu = gpu is not None and gpu.device == "cuda"
        if self._ann is None and self._rows_fit and not is_on_gpu:
            self._load_storage()

    @property
    def kind(self) -> str:
        """What single queries are searched with: "exact", the kind of the approximate index, or that on the GPU."""
        on_gpu = self._gpu_index(0)
        if on_gpu is not None:
            return on_gpu.kind.name
        return self._ann.kind.name if self._ann is not None else "exact"

    def search(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """See `VectorSearch.search`."""
        share = len(rows) / self._total
        # Among few allowed rows the approximate index would find none: its candidates are the best of all rows.
        if share >= 0.5:
            candidates = math.ceil(1.5 * k / share) + 16
            if candidates <= MAX_CANDIDATES and (gpu := self._gpu_index(len(queries))) is not None:
                return self._search_gpu(gpu, queries, k, rows, candidates)
            if self._ann is not None and candidates <= MAX_CANDIDATES:
                return self._search_ann(queries, k, rows, candidates)
        elif self._should_mask(len(rows)) and k <= MAX_CANDIDATES:
            return self._search_masked(queries, k, rows)
        return self._scan(queries, k, rows)

    def _gpu_index(self, queries: int) -> GpuIndex | None:
        """The index on the GPU, where there is one and it serves so many queries better than the CPU."""
        if self._gpu is None or self._gpu.device == "cpu":
            return None
        from indexes.vectors.gpu.resident import RESIDENT

        comparisons = queries * self._total
        return RESIDENT.get(self._gpu, self._embeddings, self._ann, self._effort, comparisons=comparisons)

    def _search_gpu(
        self, gpu: GpuIndex, queries: np.ndarray, k: int, rows: np.ndarray, candidates: int
    ) -> tuple[np.ndarray, np.ndarray]:
        covered = min(gpu.rows, self._total)
        wanted = max(candidates, math.ceil(gpu.kind.candidates * candidates / (1.5 * 10 + 16)))
        try:
            found = gpu.search(queries, min(wanted, MAX_CANDIDATES))
        except RuntimeError as error:
            from indexes.vectors.gpu.resident import RESIDENT

            assert self._gpu is not None
            RESIDENT.refuse(self._gpu.file, f"the GPU failed: {reason(error)}")
            return self.search(queries, k, rows)
        found[found >= self._total] = -1  # rows that a later commit added
        scores, found = rank_rows(self._embeddings, queries, found, candidates)
        return self._keep_allowed(queries, k, rows, scores, found, covered=covered)

    def _should_mask(self, rows: int) -> bool:
        """Whether too many rows pass a filter to read them from disk, and the approximate index accepts a mask."""
        ann = self._ann
        return ann is not None and ann.kind.has_lists and not self._rows_fit and rows > MAX_ROWS_SCANNED

    def _search_ann(
        self, queries: np.ndarray, k: int, rows: np.ndarray, candidates: int
    ) -> tuple[np.ndarray, np.ndarray]:
        ann = self._ann
        assert ann is not None
        wanted = max(candidates, math.ceil(ann.kind.candidates * candidates / (1.5 * 10 + 16)))
        found = ann.search(queries, min(wanted, MAX_CANDIDATES, ann.rows), self._effort)
        scores, found = rank_rows(self._embeddings, queries, found, min(candidates, ann.rows))
        return self._keep_allowed(queries, k, rows, scores, found, covered=ann.rows)

    def _search_masked(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Approximate search with a mask of allowed rows; more lists are probed, to compare as many rows as usual."""
        ann = self._ann
        assert ann is not None
        candidates = min(MAX_CANDIDATES, math.ceil(ann.kind.candidates * max(k, 10) / 10))
        effort = min(ann.lists, math.ceil(self._effort * self._total / len(rows)))
        found = ann.search(queries, candidates, effort, mask=self._mask(rows)[: ann.rows])
        scores, found = rank_rows(self._embeddings, queries, found, k)
        return self._keep_allowed(queries, k, rows, scores, found, covered=ann.rows)

    def _keep_allowed(
        self,
        queries: np.ndarray,
        k: int,
        rows: np.ndarray,
        scores: np.ndarray,
        found: np.ndarray,
        *,
        covered: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """The `k` best of what was found that are in `rows`, merged with the rows that the index does not cover.

        `covered` is how many rows, from the first on, the index that found them holds.
        """
        at = np.searchsorted(rows, found).clip(max=len(rows) - 1)
        allowed = rows[at] == found
        scores[~allowed] = -np.inf
        tail = rows[np.searchsorted(rows, covered) :]
        enough = allowed.sum(axis=1) >= min(k, len(rows) - len(tail))
        if len(tail):
            tail_scores, tail_found = self._scan(queries, min(k, len(tail)), tail)
            scores, found = np.hstack([scores, tail_scores]), np.hstack([found, tail_found])
        scores, found = best(scores, found, k)
        if not enough.all():
            # Too many candidates were not allowed, as after a folder of similar videos was removed.
            scores[~enough], found[~enough] = self._scan(queries[~enough], k, rows)
        return scores, found

    def _scan(self, queries: np.ndarray, k: int, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        if len(rows) <= MAX_NUMPY_ROWS or not self._rows_fit:
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
