"""The numbers by which clients name files and clips of several indexes.

An index numbers its files and clips itself, from 0. The number of the n-th index that is served, counted from 0, is
added in the upper bits: with one index, numbers are the index's own. All are exact in JavaScript, below 2**53.
"""

from __future__ import annotations

_BITS = 40
MAX_INDEXES = 2**12
MAX_ID = MAX_INDEXES * 2**_BITS - 1


def outer_id(index: int, inner: int) -> int:
    """What clients call file or clip number `inner` of an index."""
    return (index << _BITS) + inner


def split_id(number: int) -> tuple[int, int]:
    """The index, and the file's or clip's number in it."""
    return number >> _BITS, number & (2**_BITS - 1)
