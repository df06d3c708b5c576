"""Any number of vectors that are distributed as a model's own, for measuring search at scale.

Each synthetic vector mixes three real ones, chosen at random: with m the mean of the real vectors x,

    y = m + sqrt(0.6) (x1 - m) + sqrt(0.25) (x2 - m) + sqrt(0.15) (x3 - m),    then scaled to unit length.

The squares of the weights sum to 1, so before scaling the mean and the covariance are those of the real vectors:
the gap between pictures and texts stays (it lies in the means), and so does the concentration of the variance in
few directions. Queries are not synthetic: they are texts.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

WEIGHTS = np.sqrt(np.array([0.6, 0.25, 0.15], np.float32))
BLOCK = 50_000


def make_vectors(path: Path, real: np.ndarray, count: int, *, seed: int = 0) -> np.ndarray:
    """Write float16 [count, E] of vectors like `real`, float32 [n, E], raw to `path`, unless it is there; mapped."""
    shape = (count, real.shape[1])
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_suffix(".new")
        with unfinished.open("wb") as file:
            for number, begin in enumerate(range(0, count, BLOCK)):
                made = mix(real, min(BLOCK, count - begin), np.random.default_rng((seed, number)))
                file.write(made.astype("<f2").tobytes())
        unfinished.replace(path)
    return np.memmap(path, "<f2", "r", shape=shape)


def mix(real: np.ndarray, count: int, random: np.random.Generator) -> np.ndarray:
    """`count` synthetic vectors, float32 [count, E]."""
    mean = real.mean(axis=0)
    centred = real - mean
    made = np.tile(mean, (count, 1))
    for weight in WEIGHTS:
        made += weight * centred[random.integers(len(real), size=count)]
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    return made


def describe(vectors: np.ndarray, queries: np.ndarray) -> dict[str, float]:
    """Statistics that real and synthetic vectors should share, from float32 [n, E] and queries, float32 [Q, E]."""
    values = np.linalg.eigvalsh(np.cov(vectors.T))[::-1]
    share = np.cumsum(values) / values.sum()
    return {
        "mean_length": float(np.linalg.norm(vectors.mean(axis=0))),
        "mean_cosine_with_queries": float(vectors.mean(axis=0) @ queries.mean(axis=0)),
        "variance_in_32_directions": float(share[31]),
        "variance_in_128_directions": float(share[127]),
        "highest_cosine_of_a_query": float(np.median((queries @ vectors.T).max(axis=1))),
    }
