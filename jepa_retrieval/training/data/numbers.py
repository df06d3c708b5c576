"""Numbers of files from elsewhere."""

from __future__ import annotations

import math


def seconds(value: object) -> float | None:
    """`value` as seconds if it is a finite number of at least 0, else None."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def interval(start: object, end: object) -> tuple[float, float] | None:
    """Start and end in seconds if both are, and the end is later; else None."""
    first, last = seconds(start), seconds(end)
    return (first, last) if first is not None and last is not None and first < last else None
