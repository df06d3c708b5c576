"""The triplet rule of SugarCrepe++ and VISLA."""

from __future__ import annotations

import numpy as np


def triplet_accuracy(first: np.ndarray, second: np.ndarray, negative: np.ndarray) -> float:
    """Share of triplets, in percent, where sim(first, second) beats both similarities to the negative.

    Args:
        first: float [N, E], unit length, as are the others; `first` and `second` mean the same.
        second: float [N, E].
        negative: float [N, E].
    """
    alike = (first * second).sum(axis=1)
    unlike = np.maximum((first * negative).sum(axis=1), (second * negative).sum(axis=1))
    return float((alike > unlike).mean() * 100)
