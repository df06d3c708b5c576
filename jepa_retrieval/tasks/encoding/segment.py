"""Cut a stream of window embeddings where its meaning changes.

Agglomerative clustering with temporal connectivity and Ward distance, as the VL-JEPA paper uses for selective
decoding: only neighbours in time may merge, and the pair whose merge adds the least variance merges first.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.encoding.ward import ward_merges

# Ward distance between two clusters of 2 seconds is the Euclidean distance of their means; unit vectors at cosine 0.5
# are 1.0 apart.
DEFAULT_SHIFT = 1.2
_UNIT_SECONDS = 2.0


def segment(
    stream: np.ndarray,
    *,
    shift: float = DEFAULT_SHIFT,
    count: int | None = None,
    window_seconds: float = _UNIT_SECONDS,
) -> list[slice]:
    """Split a stream into sequences of windows that mean the same.

    Args:
        stream: float [W, E], unit vectors in order of time.
        shift: Ward distance at which two neighbouring clusters stay apart: sqrt(2ab / (a + b)) times the distance of
            their means, for clusters of a and b times 2 seconds. Larger values give fewer, longer clusters.
        count: exact number of clusters, at most W; replaces `shift`.
        window_seconds: time from one window to the next, so that `shift` means the same at every rate.

    Returns:
        Slices that cover 0..W without gaps, in order of time; an empty list for an empty stream.
    """
    windows = len(stream)
    if count is not None and not 1 <= count <= max(windows, 1):
        raise UsageError(f"count must be between 1 and the {windows} windows of the stream, not {count}")
    if windows == 0:
        return []
    if windows == 1:
        return [slice(0, 1)]
    # Between clusters of so many windows, Ward's distance grows with the root of their number.
    threshold = shift * math.sqrt(_UNIT_SECONDS / window_seconds)
    merges = ward_merges(stream)
    # Heights may fall along the merges, so clusters are counted, and then the last merges undone.
    kept = count - 1 if count is not None else int((merges.heights >= threshold).sum())
    borders = np.sort(merges.borders[windows - 1 - kept :])
    edges = [0, *borders.tolist(), windows]
    return [slice(first, last) for first, last in itertools.pairwise(edges)]
