"""How hard to search: the least effort that finds what a search by brute force finds, measured on sample queries."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from indexes.vectors.ann_index import FastIndex
from indexes.vectors.exact import rank_rows, search_rows
from indexes.vectors.reduce import spread_rows

logger = logging.getLogger(__name__)

TOP = 10
MOST_QUERIES = 256
# Aim above the recall that is asked for by this share of what is missing to 1: other queries may be harder.
MARGIN = 0.25
# A recall that is short of the best by so little counts as the best.
NEARLY = 0.002


@dataclass(frozen=True, slots=True)
class Tuned:
    """What the measurement led to."""

    effort: int
    recall: float  # recall@10 at that effort


def queries_of(embeddings: np.ndarray, sample: np.ndarray | None) -> np.ndarray:
    """Queries to measure with, float32 [Q, E]: the caller's sample, else points half-way between two stored vectors.

    A stored vector would find itself at once and say nothing. Points between two vectors lie off the data, as texts
    do, though not as far.
    """
    if sample is not None and len(sample):
        return np.ascontiguousarray(sample[spread_rows(len(sample), MOST_QUERIES)], np.float32)
    one = embeddings[spread_rows(len(embeddings), MOST_QUERIES)].astype(np.float32)
    between = one + np.roll(one, len(one) // 3 + 1, axis=0)
    lengths = np.linalg.norm(between, axis=1, keepdims=True)
    return between / np.maximum(lengths, 1e-6)


def tune(fast: FastIndex, embeddings: np.ndarray, queries: np.ndarray, wanted: float) -> Tuned:
    """The least effort whose recall@10 is `wanted` or a little more, or where none is, nearly the best there is.

    Args:
        fast: holds all of `embeddings`.
        embeddings: float16 [n, E].
        queries: float32 [Q, E].
        wanted: recall@10, 0 to 1.
    """
    truth = search_rows(embeddings, queries, np.arange(len(embeddings)), TOP)[0]
    efforts: Sequence[int] = fast.efforts
    low, high = 0, len(efforts) - 1
    measured = {high: measure(fast, embeddings, queries, truth, efforts[high])}
    # Codes that are too short to reach the aim are not worth a search of everything.
    aim = min(wanted + MARGIN * (1 - wanted), measured[high] - NEARLY)
    while low < high:
        middle = (low + high) // 2
        measured[middle] = measure(fast, embeddings, queries, truth, efforts[middle])
        low, high = (low, middle) if measured[middle] >= aim else (middle + 1, high)
    logger.info("vector index: recall@%d %.3f at effort %d", TOP, measured[low], efforts[low])
    return Tuned(efforts[low], measured[low])


def measure(
    fast: FastIndex, embeddings: np.ndarray, queries: np.ndarray, truth: np.ndarray, effort: int
) -> float:
    """recall@10 of candidates ranked exactly.

    Args:
        truth: the scores of the true best, float32 [Q, 10]. Comparing scores, not rows, makes equal vectors equal.
    """
    found = fast.search(queries, fast.kind.candidates, effort)
    scores = rank_rows(embeddings, queries, found, truth.shape[1])[0]
    if not truth.size:
        return 1.0
    return float(np.mean(scores >= truth[:, -1:] - 1e-6))
