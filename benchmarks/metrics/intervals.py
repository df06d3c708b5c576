"""How sure a percentage is."""

from __future__ import annotations

import math

NORMAL_95 = 1.959964  # standard deviations


def wilson(hits: int, trials: int) -> tuple[float, float]:
    """The 95% interval of a share (Wilson 1927), in percent; (0, 100) without a trial."""
    if not trials:
        return 0.0, 100.0
    share, square = hits / trials, NORMAL_95**2
    middle = (share + square / (2 * trials)) / (1 + square / trials)
    spread = math.sqrt(share * (1 - share) / trials + square / (4 * trials**2)) * NORMAL_95
    half = spread / (1 + square / trials)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)
