"""The directions in which vectors differ most."""

from __future__ import annotations

import numpy as np


def principal_directions(sample: np.ndarray, size: int) -> np.ndarray:
    """Eigenvectors of the second moments, of the largest eigenvalues first; the same ones for the same sample.

    Args:
        sample: float [N, D], centred.
        size: at most so many.

    Returns:
        Orthonormal columns, float64 [D, min(size, N, D)]. Either sign would do: the component of the greatest
        magnitude is positive.
    """
    rows = sample.astype(np.float64)
    _, vectors = np.linalg.eigh(rows.T @ rows / len(rows))
    directions = vectors[:, ::-1][:, : min(size, *sample.shape)]
    greatest = np.abs(directions).argmax(axis=0)
    signs = np.where(directions[greatest, np.arange(directions.shape[1])] < 0, -1.0, 1.0)
    found: np.ndarray = directions * signs
    return found
