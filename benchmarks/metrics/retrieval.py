"""Retrieval metrics. Equal scores count against the model: one that has collapsed must not look perfect."""

from __future__ import annotations

import numpy as np

RECALLS = (1, 5, 10)


def ranks(scores: np.ndarray, answers: np.ndarray) -> np.ndarray:
    """Rank of the right item for each query, from 1.

    Args:
        scores: float [Q, P], higher is better.
        answers: int [Q], index of the right item in the pool.

    Returns:
        int [Q].
    """
    right = scores[np.arange(len(scores)), answers]
    return (scores >= right[:, np.newaxis]).sum(axis=1)


def best_ranks(scores: np.ndarray, relevant: np.ndarray) -> np.ndarray:
    """Rank from 1 of the best of the right items of each query, int [Q].

    Args:
        scores: float [Q, P].
        relevant: bool [Q, P], at least one true in each row. Right items do not push each other down.
    """
    best = np.where(relevant, scores, -np.inf).max(axis=1)
    return 1 + ((scores >= best[:, np.newaxis]) & ~relevant).sum(axis=1)


def recall_at(rank: np.ndarray, k: int) -> float:
    """Share of queries, in percent, whose right item is among the first k."""
    return float((rank <= k).mean() * 100)


def rank_figures(rank: np.ndarray) -> dict[str, float]:
    """Recall@1, 5, 10 in percent, median and mean rank."""
    figures = {f"recall@{k}": recall_at(rank, k) for k in RECALLS}
    return {**figures, "median rank": float(np.median(rank)), "mean rank": float(rank.mean())}


def mean_average_precision(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Mean over the queries of the average precision, in percent; among equal scores wrong items come first.

    Args:
        scores: float [Q, P].
        relevant: bool [Q, P], at least one true in each row.
    """
    total = 0.0
    for row, right in zip(scores, relevant, strict=True):
        order = np.lexsort((right, -row))
        hits = right[order]
        precision = np.cumsum(hits) / np.arange(1, len(hits) + 1)
        total += float(precision[hits].mean())
    return 100 * total / len(scores)
