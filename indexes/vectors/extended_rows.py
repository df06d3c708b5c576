"""Embeddings from a file and from memory, read like one array."""

from __future__ import annotations

import numpy as np


class ExtendedRows:
    """The rows of a memory-mapped file followed by rows in memory, as one array [n, E].

    Supports length, shape, slices without a step, and indexing with an integer array. Only the requested rows are
    read.

    Args:
        stored: the mapped rows [m, E].
        tail: the rows that follow them, [n - m, E].
    """

    def __init__(self, stored: np.ndarray, tail: np.ndarray) -> None:
        self._stored, self._tail = stored, tail
        self.shape = (len(stored) + len(tail), stored.shape[1])
        self.nbytes = stored.nbytes + tail.nbytes

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, at: slice | np.ndarray) -> np.ndarray:
        edge = len(self._stored)
        if isinstance(at, slice):
            first, last, _ = at.indices(len(self))
            return np.concatenate(
                [self._stored[first:last], self._tail[max(first - edge, 0) : max(last - edge, 0)]]
            )
        rows = np.empty((*at.shape, self.shape[1]), self._stored.dtype)
        in_file = at < edge
        rows[in_file], rows[~in_file] = self._stored[at[in_file]], self._tail[at[~in_file] - edge]
        return rows

    def __array__(self, dtype: np.dtype | None = None, copy: bool | None = None) -> np.ndarray:
        rows = np.concatenate([self._stored, self._tail])
        return rows if dtype is None else rows.astype(dtype, copy=False)


Embeddings = np.ndarray | ExtendedRows
