"""The kinds of vector index, what each costs in memory, and which of them serves a number of clips.

All kinds but `exact` look for candidates among codes of reduced vectors, d numbers in place of E, and rank the
candidates by their full float16 vectors, which stay in their file on disk.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from indexes.errors import IndexStoreError

# Below this many clips every search is exact, unless there is too little memory for that.
APPROXIMATE_FROM = 50_000
# FAISS cannot learn lists or codes from fewer clips than this; they are compared one by one.
FEWEST_TO_LEARN = 1_000
# recall@10 that is aimed at when nobody says otherwise.
DEFAULT_RECALL = 0.98

# A clip's columns of a hit, and its row and position in order: what a search holds beside the vectors.
HIT_BYTES = 37 + 32
LINKS = 32  # M of the HNSW paper (Malkov and Yashunin, 2018)
# The lowest layer has two times as many links of 4 bytes each; the upper layers add about a twentieth.
_GRAPH_BYTES = 2 * LINKS * 4 * 1.06
_NUMBER_BYTES = 8  # a clip's number in a list


@dataclass(frozen=True, slots=True)
class Kind:
    """One way to search."""

    name: str
    says: str
    recall: float  # recall@10 that it can be tuned to; measured in docs/scale.md
    codes: str  # FAISS's name of the codes; {} stands for half of d
    bits: float  # of one number of a reduced vector
    candidates: int  # that are ranked by their full vectors, for ten hits
    mixes: bool = (
        False  # whether strong and weak directions are mixed first, because all get codes of one length
    )

    @property
    def has_lists(self) -> bool:
        """Whether codes lie in lists (IVF) rather than in a graph."""
        return self.name.startswith("ivf")

    def bytes_per_clip(self, *, size: int, reduced: int) -> float:
        """Memory that a search takes for each clip of E = `size` dimensions, reduced to `reduced`."""
        if self is EXACT:
            return 2 * size + HIT_BYTES
        return self.bits / 8 * reduced + (_NUMBER_BYTES if self.has_lists else _GRAPH_BYTES) + HIT_BYTES

    def efforts(self, lists: int) -> tuple[int, ...]:
        """What search may be tuned to, ascending: lists to probe of `lists`, or efSearch of a graph."""
        if self.has_lists:
            most = min(lists, _EFFORTS[-1])
            return (*(effort for effort in _EFFORTS if effort < most), most)
        return tuple(effort for effort in _EFFORTS if effort >= 16)


_EFFORTS = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)

EXACT = Kind("exact", "every vector compared", 1.0, "", 16, 10)
KINDS = {
    kind.name: kind
    for kind in (
        EXACT,
        # In the order of preference.
        Kind("hnsw", "graph over 8-bit codes", 0.995, "SQ8", 8, 40),
        Kind("hnsw-fp16", "graph over 16-bit codes", 0.995, "SQfp16", 16, 40),
        Kind("ivf-sq8", "lists of 8-bit codes", 0.995, "SQ8", 8, 40),
        Kind("ivf-fp16", "lists of 16-bit codes", 0.995, "SQfp16", 16, 40),
        Kind(
            "ivf-pq",
            "lists of product-quantised codes, 2 bits a number",
            0.9,
            "PQ{}x4fs",
            2,
            200,
            mixes=True,
        ),
    )
}
# What is chosen by itself; the others only by name.
CHOICE = ("ivf-sq8", "ivf-pq")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a user asked of the search."""

    memory: float | None = None  # bytes that it may take; None for as many as it likes
    recall: float | None = None  # recall@10 to reach
    kind: str | None = None  # a kind by name, whatever the rest says

    @property
    def aim(self) -> float:
        """The recall@10 to tune to."""
        return DEFAULT_RECALL if self.recall is None else self.recall


@dataclass(frozen=True, slots=True)
class Plan:
    """A kind for a number of clips, with what it should cost and reach."""

    kind: Kind
    memory: float  # bytes
    expected_recall: float
    fits: bool  # into the memory that was asked for


def choose(wanted: Wanted, *, rows: int, size: int, reduced: int) -> Plan:
    """The kind that serves `rows` clips of `size` dimensions best within what was asked for.

    Exact search for few clips or a recall of 1; else the first kind that fits into the memory and can reach the
    recall; else the one of the best recall that fits; else the smallest.

    Raises:
        IndexStoreError: there is no kind of the asked-for name.
    """
    if wanted.kind is not None:
        return _plan(named(wanted.kind), wanted, rows, size, reduced)
    plans = [_plan(kind, wanted, rows, size, reduced) for kind in _candidates(wanted, rows)]
    fitting = [plan for plan in plans if plan.fits]
    if not fitting:
        return min(plans, key=lambda plan: plan.memory)
    good = (plan for plan in fitting if plan.kind.recall >= wanted.aim)
    return next(good, None) or max(fitting, key=lambda plan: plan.kind.recall)


def named(name: str) -> Kind:
    """The kind of a name.

    Raises:
        IndexStoreError: there is none.
    """
    if name not in KINDS:
        raise IndexStoreError(f"{name!r} is no kind of vector index: use {', '.join(KINDS)}")
    return KINDS[name]


def _candidates(wanted: Wanted, rows: int) -> Iterator[Kind]:
    if rows < FEWEST_TO_LEARN:
        yield EXACT
        return
    approximate = [KINDS[name] for name in CHOICE]
    yield from [EXACT, *approximate] if rows < APPROXIMATE_FROM else [*approximate, EXACT]


def _plan(kind: Kind, wanted: Wanted, rows: int, size: int, reduced: int) -> Plan:
    memory = rows * kind.bytes_per_clip(size=size, reduced=reduced)
    expected = 1.0 if kind is EXACT else min(kind.recall, wanted.aim)
    return Plan(kind, memory, expected, wanted.memory is None or memory <= wanted.memory)
