"""An index on one or several GPUs, which share its rows."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from indexes.vectors import import_faiss
from indexes.vectors.ann_index import (
    TRAINING_CLIPS_PER_LIST,
    AnnIndex,
    list_count,
    random_rotation,
    with_projection,
)
from indexes.vectors.extended_rows import Embeddings
from indexes.vectors.gpu import backend
from indexes.vectors.gpu.backend import Gpu
from indexes.vectors.gpu.kinds import GpuKind, pq_bytes
from indexes.vectors.reduce import evenly_spaced_rows, principal_axes

logger = logging.getLogger(__name__)

_BLOCK = 65_536
MAX_RESULTS = 2_048  # that FAISS gives for a query on a GPU
_QUERIES_AT_ONCE = 4_096
_PROBED = 64  # lists, until `tune_probes` has measured how many the recall needs


class GpuIndex:
    """Candidates for queries among the first `rows` embeddings. Threads may share it; they wait for each other.

    Scores are those of float16 or shorter codes, so callers rank the candidates again by the full vectors.
    """

    def __init__(self, kind: GpuKind, shards: Sequence[_Shard]) -> None:
        self.kind = kind
        self._shards = list(shards)
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(len(self._shards), thread_name_prefix="gpu-search")

    @classmethod
    def build(cls, kind: GpuKind, embeddings: Embeddings, gpus: Sequence[Gpu]) -> GpuIndex:
        """An index of a kind over float16 [n, E], every card with an even share of the rows.

        Raises:
            RuntimeError: FAISS's, such as for a lack of memory.
        """
        axes = principal_axes(embeddings) if kind.is_reduced else None
        edges = np.linspace(0, len(embeddings), len(gpus) + 1).astype(np.int64)
        shards = []
        for gpu, first, last in zip(gpus, edges, edges[1:], strict=False):
            shard = _Shard(_empty(kind, embeddings, axes, gpu.number))
            shard.add(embeddings, int(first), int(last))
            shards.append(shard)
        return cls(kind, shards)

    @classmethod
    def copy(cls, kind: GpuKind, ann: AnnIndex, effort: int, gpu: Gpu) -> GpuIndex:
        """A trained CPU index with lists, codes and rows as they are, on one card."""
        shard = _Shard(backend.copied_to_gpu(ann.faiss_index, gpu.number))
        _set_probes(shard.index, effort)
        shard.numbers = np.arange(ann.rows)
        return cls(kind, [shard])

    @property
    def rows(self) -> int:
        """How many embeddings it holds."""
        return sum(len(shard.numbers) for shard in self._shards)

    @property
    def most_probes(self) -> int:
        """How many lists a search can look into; only for kinds with lists."""
        return min(MAX_RESULTS, *(_inner(shard.index).nlist for shard in self._shards))

    def set_probes(self, probes: int) -> None:
        """Have searches look into so many lists; only for kinds with lists."""
        with self._lock:
            for shard in self._shards:
                _set_probes(shard.index, probes)

    def add_missing(self, embeddings: Embeddings) -> None:
        """Add those of float16 [n, E] that come after the rows that it has."""
        with self._lock:
            rows = self.rows
            if rows < len(embeddings):
                smallest = min(self._shards, key=lambda shard: len(shard.numbers))
                smallest.add(embeddings, rows, len(embeddings))

    def search(self, queries: np.ndarray, candidates: int) -> np.ndarray:
        """Row numbers of the likely best of float32 [Q, E], int64 [Q, at most shards * candidates]; -1 for none."""
        with self._lock:
            found = self._threads.map(lambda shard: shard.search(queries, candidates), self._shards)
            return np.hstack(list(found))


class _Shard:
    """The part of the rows that lies on one card."""

    def __init__(self, index: Any) -> None:
        self.index = index
        self.numbers = np.empty(0, np.int64)  # of its rows, among all

    def add(self, embeddings: Embeddings, first: int, last: int) -> None:
        """Add the rows from `first` up to `last`."""
        for begin in range(first, last, _BLOCK):
            block = embeddings[begin : min(begin + _BLOCK, last)]
            self.index.add(np.ascontiguousarray(block, np.float32))
        self.numbers = np.concatenate([self.numbers, np.arange(first, last)])

    def search(self, queries: np.ndarray, candidates: int) -> np.ndarray:
        """Int64 [Q, candidates]."""
        count = min(candidates, MAX_RESULTS)
        parts = [
            self.index.search(queries[begin : begin + _QUERIES_AT_ONCE], count)[1]
            for begin in range(0, len(queries), _QUERIES_AT_ONCE)
        ]
        found: np.ndarray = np.concatenate(parts) if parts else np.empty((0, count), np.int64)
        if not len(self.numbers):
            return np.full_like(found, -1)
        is_row = (found >= 0) & (found < len(self.numbers))  # CAGRA may fill up with numbers that are no rows
        return np.where(is_row, self.numbers[np.where(is_row, found, 0)], -1)


def _empty(kind: GpuKind, embeddings: Embeddings, axes: np.ndarray | None, gpu: int) -> Any:
    """A trained index without rows."""
    if axes is None:
        return backend.flat_index(embeddings.shape[1], gpu)
    faiss = import_faiss()
    if kind.name == "gpu-cagra":
        return _Cagra(axes, gpu)
    if kind.name == "gpu-ivf-pq":
        axes = random_rotation(len(axes)) @ axes  # all directions get codes of one length
    lists = list_count(len(embeddings))
    codes = kind.codes.format(pq_bytes(len(axes)))
    untrained = faiss.index_factory(len(axes), f"IVF{lists},{codes}", faiss.METRIC_INNER_PRODUCT)
    inner = backend.copied_to_gpu(untrained, gpu)
    sample = embeddings[evenly_spaced_rows(len(embeddings), TRAINING_CLIPS_PER_LIST * lists)]
    inner.train(np.ascontiguousarray(sample.astype(np.float32) @ axes.T))
    index = with_projection(axes, inner)
    _set_probes(index, _PROBED)
    return index


def _inner(index: Any) -> Any:
    return import_faiss().downcast_index(index.index)


def _set_probes(index: Any, probes: int) -> None:
    inner = _inner(index)
    inner.nprobe = min(probes, inner.nlist, MAX_RESULTS)


class _Cagra:
    """A graph of reduced vectors: FAISS makes it of all of them at once, so adding makes it anew."""

    def __init__(self, axes: np.ndarray, gpu: int) -> None:
        self._axes, self._gpu = axes, gpu
        self._blocks: list[np.ndarray] = []
        self._graph: Any = None

    def add(self, vectors: np.ndarray) -> None:
        """Float32 [n, E]."""
        self._blocks.append(vectors @ self._axes.T)
        self._graph = None

    def search(self, queries: np.ndarray, count: int) -> tuple[np.ndarray, np.ndarray]:
        """Scores and rows [Q, count]."""
        if self._graph is None:
            self._graph = backend.cagra_index(len(self._axes), self._gpu)
            self._blocks = [np.concatenate(self._blocks)]
            self._graph.train(self._blocks[0])
        return backend.search_cagra(self._graph, queries @ self._axes.T, count)
