"""The result of a task on a data set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

Figures = Mapping[str, float]  # percentages are 0 to 100; counts are whole numbers


@dataclass(frozen=True)
class Outcome:
    """The figures of one task on one data set."""

    rows: dict[str, Figures]  # by what they are of: a direction, a subset, a baseline
    metric: str  # of the headline
    value: float  # the figure to compare with others
    counts: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
