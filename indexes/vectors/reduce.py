"""Dimension reduction: the directions that hold nearly all of the vectors' squared length."""

from __future__ import annotations

import numpy as np

from indexes.vectors.extended_rows import Embeddings

# Share of the vectors' squared length that the kept directions hold; d is rounded up to a multiple of AXES_STEP.
KEPT_SHARE = 0.97
AXES_STEP = 16
# Vectors that are looked at: far more per dimension than estimating second moments needs.
MAX_SAMPLE_ROWS = 50_000
_BLOCK = 8192


def principal_axes(embeddings: Embeddings) -> np.ndarray:
    """Directions that hold nearly all of the vectors' squared length, the strongest first.

    Search compares inner products, so these are the directions of the uncentred second moments: the product of two
    reduced vectors is that of the full ones without the dropped directions.

    Args:
        embeddings: float16 [n, E], of which a sample is used.

    Returns:
        Orthonormal rows, float32 [d, E]; d is a multiple of 16, or all of E; it is even unless E is 1.
    """
    sample = embeddings[evenly_spaced_rows(len(embeddings), MAX_SAMPLE_ROWS)]
    size = sample.shape[1]
    moments = np.zeros((size, size), np.float32)
    for begin in range(0, len(sample), _BLOCK):
        block = sample[begin : begin + _BLOCK].astype(np.float32)
        moments += block.T @ block
    values, directions = np.linalg.eigh(moments.astype(np.float64))
    strongest = values[::-1].clip(min=0)
    share = np.cumsum(strongest) / max(strongest.sum(), 1e-12)
    needed = int(np.searchsorted(share, KEPT_SHARE)) + 1
    kept = min(max(1, size - size % 2), -(-needed // AXES_STEP) * AXES_STEP)
    return np.ascontiguousarray(directions[:, ::-1][:, :kept].T, np.float32)


def evenly_spaced_rows(rows: int, limit: int) -> np.ndarray:
    """Up to `limit` row numbers of `rows`, evenly spaced, ascending, int64."""
    return np.unique(np.linspace(0, rows - 1, min(limit, rows)).astype(np.int64))
