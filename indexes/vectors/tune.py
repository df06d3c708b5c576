"""Search effort: the least that reaches the target recall, measured with sample queries against exact search."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexes.vectors.ann_index import AnnIndex
from indexes.vectors.exact import rank_rows, search_rows
from indexes.vectors.reduce import evenly_spaced_rows

logger = logging.getLogger(__name__)

TOP = 10
MAX_QUERIES = 256
# Aim above the target recall by this share of the distance to 1: other queries may be harder.
RECALL_MARGIN = 0.25
# A recall this close to the best one counts as the best.
RECALL_TOLERANCE = 0.002


@dataclass(frozen=True, slots=True)
class Tuned:
    """The chosen effort and its recall."""

    effort: int
    recall: float  # recall@10 at that effort


def tuning_queries(embeddings: np.ndarray, sample: np.ndarray | None) -> np.ndarray:
    """Queries to measure with, float32 [Q, E]: the caller's sample, else midpoints of pairs of stored vectors.

    A stored vector finds itself at once, so it says nothing about recall. Midpoints lie off the data, as embedded
    texts do, though not as far.
    """
    if sample is not None and len(sample):
        return np.ascontiguousarray(sample[evenly_spaced_rows(len(sample), MAX_QUERIES)], np.float32)
    one = embeddings[evenly_spaced_rows(len(embeddings), MAX_QUERIES)].astype(np.float32)
    one = one[one.any(axis=1)]  # audio has nothing to see
    midpoints = one + np.roll(one, len(one) // 3 + 1, axis=0)
    lengths = np.linalg.norm(midpoints, axis=1, keepdims=True)
    return midpoints / np.maximum(lengths, 1e-6)


def tune(ann: AnnIndex, embeddings: np.ndarray, queries: np.ndarray, target_recall: float) -> Tuned:
    """The least effort that reaches the target recall@10 with a margin, or nearly the best recall there is.

    Args:
        ann: holds all of `embeddings`.
        embeddings: float16 [n, E].
        queries: float32 [Q, E].
        target_recall: 0 to 1.
    """
    best_scores = search_rows(embeddings, queries, np.arange(len(embeddings)), TOP)[0]
    efforts: Sequence[int] = ann.efforts
    low, high = 0, len(efforts) - 1
    measured = {high: measure(ann, embeddings, queries, best_scores, efforts[high])}
    # Codes that are too short to reach the target do not justify a search of every list.
    aim = min(target_recall + RECALL_MARGIN * (1 - target_recall), measured[high] - RECALL_TOLERANCE)
    while low < high:
        middle = (low + high) // 2
        measured[middle] = measure(ann, embeddings, queries, best_scores, efforts[middle])
        low, high = (low, middle) if measured[middle] >= aim else (middle + 1, high)
    logger.info("vector index: recall@%d %.3f at effort %d", TOP, measured[low], efforts[low])
    return Tuned(efforts[low], measured[low])


def measure(
    ann: AnnIndex, embeddings: np.ndarray, queries: np.ndarray, best_scores: np.ndarray, effort: int
) -> float:
    """recall@10 of candidates that are ranked exactly.

    Args:
        best_scores: the scores of exact search, float32 [Q, 10]. Comparing scores, not rows, treats equal vectors
            as equal.
    """
    found = ann.search(queries, ann.kind.candidates, effort)
    scores = rank_rows(embeddings, queries, found, best_scores.shape[1])[0]
    if not best_scores.size:
        return 1.0
    return float(np.mean(scores >= best_scores[:, -1:] - 1e-6))
