"""The HNSW graph over the embeddings: approximate search for large indexes.

The graph's file has only links. The values stay in one place, the embeddings file, whose float16 rows are the
codes of FAISS's fp16 scalar quantiser byte for byte.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from indexes.vectors import import_faiss

logger = logging.getLogger(__name__)

LINKS = 32  # M of the HNSW paper (Malkov and Yashunin, 2018)
EF_CONSTRUCTION = 80
EF_SEARCH = 128

# Rows added at once: between two blocks the program can be interrupted.
_BLOCK = 8192


def make_storage(embeddings: np.ndarray) -> Any:
    """A `faiss.IndexScalarQuantizer` by inner product that holds float16 [n, E] as they are."""
    faiss = import_faiss()

    storage = faiss.IndexScalarQuantizer(
        embeddings.shape[1], faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT
    )
    if len(embeddings):
        storage.add_sa_codes(np.ascontiguousarray(embeddings, "<f2").view(np.uint8))
    return storage


def load_graph(content: bytes, storage: Any) -> Any:
    """A stored graph as `faiss.IndexHNSW`, attached to the storage that has its values and must outlive it."""
    faiss = import_faiss()

    graph = faiss.deserialize_index(np.frombuffer(content, np.uint8), faiss.IO_FLAG_SKIP_STORAGE)
    graph.storage = storage
    graph.own_fields = False
    return graph


def grow_graph(embeddings: np.ndarray, *, before: bytes | None = None, rows_before: int = 0) -> bytes:
    """A graph over all of float16 [n, E]: a new one, or one that had the first `rows_before` rows extended."""
    faiss = import_faiss()

    storage = make_storage(embeddings[:rows_before] if before else embeddings[:0])
    if before:
        graph = load_graph(before, storage)
    else:
        rows_before = 0
        graph = faiss.IndexHNSW(storage, LINKS)
    graph.hnsw.efConstruction = EF_CONSTRUCTION
    for begin in range(rows_before, len(embeddings), _BLOCK):
        graph.add(embeddings[begin : begin + _BLOCK].astype(np.float32))
        logger.info("vector index: %d of %d clips", min(begin + _BLOCK, len(embeddings)), len(embeddings))
    return faiss.serialize_index(graph, faiss.IO_FLAG_SKIP_STORAGE).tobytes()
