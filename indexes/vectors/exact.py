"""Exact search in NumPy, for few rows, rows that stay on disk, and candidates of another search."""

from __future__ import annotations

import numpy as np

from indexes.vectors.extended_rows import Embeddings

# Rows converted to float32 at once, so that the block stays in the processor cache.
_BLOCK = 2048
# Scores that are kept before the best of them are taken.
_SCORES = 4_000_000


def search_rows(
    embeddings: Embeddings, queries: np.ndarray, rows: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` best of the given rows by inner product.

    Args:
        embeddings: float16 [n, E].
        queries: float32 [Q, E].
        rows: positions to search, int64 [m], ascending.
        k: how many to return; fewer if there are fewer rows.

    Returns:
        Scores float32 [Q, min(k, m)], best first, and their positions int64.
    """
    step = max(_BLOCK, _SCORES // max(1, len(queries)) // _BLOCK * _BLOCK)
    scores = np.empty((len(queries), 0), np.float32)
    found = np.empty((len(queries), 0), np.int64)
    for begin in range(0, len(rows), step):
        block = rows[begin : begin + step]
        more = _scores(embeddings, queries, block)
        candidates = np.broadcast_to(block, more.shape)
        if begin:
            more, candidates = np.hstack([scores, more]), np.hstack([found, candidates])
        scores, found = best(more, candidates, k)
    return scores, found


def _scores(embeddings: Embeddings, queries: np.ndarray, rows: np.ndarray) -> np.ndarray:
    scores = np.empty((len(queries), len(rows)), np.float32)
    # Contiguous rows are read faster by a slice than by their numbers.
    first = int(rows[0]) if len(rows) else 0
    contiguous = len(rows) > 0 and int(rows[-1]) - first == len(rows) - 1
    for begin in range(0, len(rows), _BLOCK):
        end = min(begin + _BLOCK, len(rows))
        block = embeddings[first + begin : first + end] if contiguous else embeddings[rows[begin:end]]
        np.matmul(queries, block.astype(np.float32).T, out=scores[:, begin:end])
    return scores


def rank_rows(
    embeddings: Embeddings, queries: np.ndarray, candidates: np.ndarray, k: int
) -> tuple[np.ndarray, np.ndarray]:
    """The `k` best of each query's own candidates by inner product.

    Args:
        embeddings: float16 [n, E].
        queries: float32 [Q, E].
        candidates: positions, int64 [Q, m]; -1 for none.

    Returns:
        As `search_rows`; the score of none is minus infinity.
    """
    scores = np.empty(candidates.shape, np.float32)
    for line, query, rows in zip(scores, queries, candidates, strict=True):
        line[:] = embeddings[rows].astype(np.float32) @ query
    scores[candidates < 0] = -np.inf
    return best(scores, candidates, k)


def best(scores: np.ndarray, rows: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    """The `k` largest scores of each line with their rows, best first."""
    k = min(k, scores.shape[1])
    if k < scores.shape[1]:
        top = np.argpartition(-scores, k - 1, axis=1)[:, :k] if k else np.zeros((len(scores), 0), np.int64)
        scores, rows = np.take_along_axis(scores, top, 1), np.take_along_axis(rows, top, 1)
    order = np.argsort(-scores, axis=1, kind="stable")
    return np.take_along_axis(scores, order, 1), np.take_along_axis(rows, order, 1)
