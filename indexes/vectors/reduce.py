"""Fewer numbers a vector: the directions along which an index's vectors really differ."""

from __future__ import annotations

import numpy as np

from indexes.vectors.extended_rows import Embeddings

# Share of the vectors' length that the kept directions hold, and the step in which they are counted.
KEPT_SHARE = 0.97
STEP = 16
# Vectors that are looked at; their number for each dimension is well above what a covariance needs.
SAMPLE = 50_000
_BLOCK = 8192


def principal_axes(embeddings: Embeddings) -> np.ndarray:
    """Directions that hold nearly all of the vectors' length, the strongest first.

    Inner products are what matters, so directions are those of the uncentred second moments: the product of two
    reduced vectors is that of the full ones without the directions that were dropped.

    Args:
        embeddings: float16 [n, E], of which a part is looked at.

    Returns:
        Orthonormal rows, float32 [d, E]; d is a multiple of 16, or all of E; it is even unless E is 1.
    """
    sample = embeddings[spread_rows(len(embeddings), SAMPLE)]
    size = sample.shape[1]
    moments = np.zeros((size, size), np.float32)
    for begin in range(0, len(sample), _BLOCK):
        block = sample[begin : begin + _BLOCK].astype(np.float32)
        moments += block.T @ block
    values, directions = np.linalg.eigh(moments.astype(np.float64))
    strongest = values[::-1].clip(min=0)
    share = np.cumsum(strongest) / max(strongest.sum(), 1e-12)
    needed = int(np.searchsorted(share, KEPT_SHARE)) + 1
    kept = min(max(1, size - size % 2), -(-needed // STEP) * STEP)
    return np.ascontiguousarray(directions[:, ::-1][:, :kept].T, np.float32)


def spread_rows(rows: int, most: int) -> np.ndarray:
    """At most that many row numbers, evenly spread, ascending, int64."""
    return np.unique(np.linspace(0, rows - 1, min(most, rows)).astype(np.int64))
