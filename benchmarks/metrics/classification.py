"""Classification metrics. Equal scores count against the model."""

from __future__ import annotations

import numpy as np

from benchmarks.metrics.retrieval import ranks


def top_k_accuracy(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Share of rows, in percent, whose label is among the k best classes.

    Args:
        scores: float [N, C].
        labels: int [N].
        k: how many classes may be named.
    """
    return float((ranks(scores, labels) <= k).mean() * 100)


def class_mean_recall_at(scores: np.ndarray, labels: np.ndarray, k: int) -> float:
    """Top-k accuracy of each class, averaged over the classes that occur, in percent: EPIC-KITCHENS' "mean top-k"."""
    found = ranks(scores, labels) <= k
    return 100 * float(np.mean([found[labels == label].mean() for label in np.unique(labels)]))
