"""Choosing the kind of vector index for a number of clips and the user's settings."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexes.vectors.kinds import EXACT, KINDS, Kind, kind_named
from indexes.vectors.search_settings import SearchSettings

# Below this many clips every search is exact, unless there is too little memory for that.
MIN_APPROXIMATE_ROWS = 50_000
# FAISS cannot train lists or codes on fewer clips than this; they are searched exactly.
MIN_TRAINING_ROWS = 1_000
# Kinds that are chosen automatically, in order of preference; the others only by name.
AUTOMATIC_KINDS = ("ivf-sq8", "ivf-pq")


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind of vector index for a number of clips, with its estimated cost and recall."""

    kind: Kind
    memory: float  # bytes that a search takes
    expected_recall: float  # recall@10
    fits: bool  # into the memory that the settings allow


def choose(settings: SearchSettings, *, rows: int, size: int, reduced: int) -> Plan:
    """The best kind for `rows` clips of E = `size` dimensions, reduced to d = `reduced`, within the settings.

    Exact search for few clips or a recall of 1; else the first kind that fits into the memory and can reach the
    recall; else the kind with the best recall that fits; else the smallest.

    Raises:
        IndexStoreError: the settings name a kind that does not exist.
    """
    if settings.kind is not None:
        return _plan(kind_named(settings.kind), settings, rows, size, reduced)
    plans = [_plan(kind, settings, rows, size, reduced) for kind in _candidates(rows)]
    fitting = [plan for plan in plans if plan.fits]
    if not fitting:
        return min(plans, key=lambda plan: plan.memory)
    sufficient = (plan for plan in fitting if plan.kind.recall >= settings.target_recall)
    return next(sufficient, None) or max(fitting, key=lambda plan: plan.kind.recall)


def _candidates(rows: int) -> Iterator[Kind]:
    if rows < MIN_TRAINING_ROWS:
        yield EXACT
        return
    approximate = [KINDS[name] for name in AUTOMATIC_KINDS]
    yield from [EXACT, *approximate] if rows < MIN_APPROXIMATE_ROWS else [*approximate, EXACT]


def _plan(kind: Kind, settings: SearchSettings, rows: int, size: int, reduced: int) -> Plan:
    memory = rows * kind.bytes_per_clip(size=size, reduced=reduced)
    expected = 1.0 if kind is EXACT else min(kind.recall, settings.target_recall)
    return Plan(kind, memory, expected, settings.memory is None or memory <= settings.memory)
