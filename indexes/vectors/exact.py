"""Exact search in NumPy, over few rows."""

from __future__ import annotations

import numpy as np

# Rows that are converted to float32 at once: the block stays in the processor's cache.
_BLOCK = 2048


def search_rows(
    embeddings: np.ndarray, queries: np.ndarray, rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` best of the given rows by inner product.

    Args:
        embeddings: float16 [n, E].
        queries: float32 [Q, E].
        rows: positions to search, int64 [m].
        k: how many to return; fewer if there are fewer rows.

    Returns:
        Scores float32 [Q, min(k, m)], best first, and their positions int64.
    """
    scores = np.empty((len(queries), len(rows)), np.float32)
    for begin in range(0, len(rows), _BLOCK):
        block = embeddings[rows[begin : begin + _BLOCK]].astype(np.float32)
        np.matmul(queries, block.T, out=scores[:, begin : begin + _BLOCK])
    return best(scores, np.broadcast_to(rows, scores.shape), k)


def best(scores: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` largest scores of each line with their rows, best first."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k else np.zeros((len(scores), 0), np.int64)
        scores, rows = np.take_along_axis(scores, top, 1), np.take_along_axis(rows, top, 1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
