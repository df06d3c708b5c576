"""How many lists a new GPU index probes: as few as reach the recall, measured on the card."""

from __future__ import annotations

import logging

import numpy as np

from indexes.vectors.exact import rank_rows
from indexes.vectors.extended_rows import Embeddings
from indexes.vectors.gpu.index import GpuIndex
from indexes.vectors.search_settings import DEFAULT_RECALL
from indexes.vectors.tune import RECALL_MARGIN, TOP, tuning_queries

logger = logging.getLogger(__name__)

_FEWEST = 16


def tune_probes(index: GpuIndex, embeddings: Embeddings) -> int:
    """Have searches probe the fewest lists that suffice; returns how many those are.

    Recall@10 is that of candidates ranked by their full vectors, for midpoints of stored vectors. What counts as
    true is found with as many lists as a search can probe: comparing all rows on the CPU would take minutes.

    Args:
        index: of a kind with lists.
        embeddings: float16 [n, E], whose first rows the index holds.
    """
    queries = tuning_queries(embeddings[: index.rows], None)
    most = index.most_probes
    true = _best_scores(index, embeddings, queries, most)
    aim = DEFAULT_RECALL + RECALL_MARGIN * (1 - DEFAULT_RECALL)
    probes = min(_FEWEST, most)
    while probes < most:
        found = _best_scores(index, embeddings, queries, probes)
        if np.mean(found >= true[:, -1:] - 1e-6) >= aim:
            break
        probes = min(2 * probes, most)
    index.set_probes(probes)
    logger.info("GPU index: %d of %d lists are probed", probes, most)
    return probes


def _best_scores(index: GpuIndex, embeddings: Embeddings, queries: np.ndarray, probes: int) -> np.ndarray:
    index.set_probes(probes)
    return rank_rows(embeddings, queries, index.search(queries, index.kind.candidates), TOP)[0]
