"""Ward clustering of a sequence in which only neighbours may merge.

scikit-learn has it for any graph; a chain needs no graph, and importing scikit-learn takes longer than indexing a
short video. The tests compare the two.
"""

from __future__ import annotations

import heapq
import math
from typing import NamedTuple

import numpy as np


class Merges(NamedTuple):
    """The merges of the clusters of a sequence of W points, the nearest two first."""

    borders: np.ndarray  # int [W - 1]; the merge that removed the border in front of this point
    heights: np.ndarray  # float64 [W - 1], Ward distance of the two clusters that merged


def ward_merges(points: np.ndarray) -> Merges:
    """Merge a sequence, float [W, E], until one cluster is left.

    The distance of two clusters of a and b points is sqrt(2ab / (a + b)) times the distance of their means: the root
    of twice what the merge adds to the variance (Ward, JASA 58, 1963).
    """
    count = len(points)
    means = points.astype(np.float64)
    sizes = [1] * count
    before, after = list(range(-1, count - 1)), list(range(1, count + 1))
    alive = [True] * count  # a cluster is named by its first point
    borders, heights = [], []

    def pair(left: int, right: int) -> tuple[float, int, int, int, int]:
        difference = means[left] - means[right]
        a, b = sizes[left], sizes[right]
        return math.sqrt(2 * a * b / (a + b) * float(difference @ difference)), left, right, a, b

    # A pair is valid while both clusters have the sizes that they had when it was pushed.
    heap = [pair(first, first + 1) for first in range(count - 1)]
    heapq.heapify(heap)
    while heap:
        height, left, right, a, b = heapq.heappop(heap)
        if not (alive[left] and alive[right] and sizes[left] == a and sizes[right] == b):
            continue
        borders.append(right)
        heights.append(height)
        means[left] = (a * means[left] + b * means[right]) / (a + b)
        sizes[left], alive[right] = a + b, False
        after[left] = after[right]
        if after[left] < count:
            before[after[left]] = left
            heapq.heappush(heap, pair(left, after[left]))
        if before[left] >= 0:
            heapq.heappush(heap, pair(before[left], left))
    return Merges(np.array(borders, dtype=np.int64), np.array(heights))
