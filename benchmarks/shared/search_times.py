"""Searches of an index, one after the other, each timed."""

from __future__ import annotations

import time

import numpy as np

from indexes import Index


def timed_searches(
    index: Index, queries: np.ndarray, *, top: int, where: str | None
) -> tuple[list[set[int]], np.ndarray]:
    """The clip ids that each of the queries, float32 [queries, E], finds, and the milliseconds it took, when warm."""
    index.search(queries[:1], k=top, where=where)
    found, seconds = [], []
    for query in queries:
        began = time.perf_counter()
        hits = index.search(query[None], k=top, where=where)[0]
        seconds.append(time.perf_counter() - began)
        found.append({hit.clip_id for hit in hits})
    return found, np.array(seconds) * 1000


def near(vectors: np.ndarray, random: np.random.Generator, *, noise: float = 0.03) -> np.ndarray:
    """Queries close to stored embeddings [N, E], so that there are near ties to get wrong: float32 [N, E]."""
    moved = vectors.astype(np.float32) + noise * random.standard_normal(vectors.shape).astype(np.float32)
    return np.asarray(moved / np.linalg.norm(moved, axis=1, keepdims=True))
