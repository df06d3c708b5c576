"""The kinds of vector index and what each costs in memory.

All kinds but `exact` search for candidates among codes of reduced vectors (d numbers in place of E), and rank the
candidates by their full float16 vectors, which stay in their file on disk.
"""

from __future__ import annotations

from dataclasses import dataclass

from indexes.errors import IndexStoreError

# Bytes of one clip in the table of hits, plus its row and position in sorted order: held beside the vectors.
HIT_BYTES = 37 + 32
LINKS = 32  # M of the HNSW paper (Malkov and Yashunin, 2018)
# The lowest layer has 2 M links of 4 bytes each; the upper layers add about a twentieth.
_GRAPH_BYTES = 2 * LINKS * 4 * 1.06
_ID_BYTES = 8  # a clip's number in an inverted list

EFFORTS = (1, 2, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256, 384, 512, 768, 1024)
MIN_GRAPH_EFFORT = 16


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of vector index."""

    name: str
    recall: float  # recall@10 that it can be tuned to; measured in docs/scale.md
    codes: str  # FAISS's name of the codes; {} stands for d / 2
    bits: float  # per number of a reduced vector
    candidates: int  # that are ranked by their full vectors, for ten hits
    random_rotation: bool = False  # mix strong and weak directions first, because all get codes of one length

    @property
    def has_lists(self) -> bool:
        """Whether codes lie in inverted lists (IVF) rather than in a graph."""
        return self.name.startswith("ivf")

    def bytes_per_clip(self, *, size: int, reduced: int) -> float:
        """Memory that a search takes for each clip of E = `size` dimensions, reduced to d = `reduced`."""
        if self is EXACT:
            return 2 * size + HIT_BYTES
        return self.bits / 8 * reduced + (_ID_BYTES if self.has_lists else _GRAPH_BYTES) + HIT_BYTES

    def efforts(self, lists: int) -> tuple[int, ...]:
        """Search efforts to choose from, ascending: how many of `lists` to probe, or efSearch of a graph."""
        if self.has_lists:
            limit = min(lists, EFFORTS[-1])
            return (*(effort for effort in EFFORTS if effort < limit), limit)
        return tuple(effort for effort in EFFORTS if effort >= MIN_GRAPH_EFFORT)


EXACT = Kind("exact", 1.0, "", 16, 10)
KINDS = {
    kind.name: kind
    for kind in (
        EXACT,
        Kind("hnsw", 0.995, "SQ8", 8, 40),
        Kind("hnsw-fp16", 0.995, "SQfp16", 16, 40),
        Kind("ivf-sq8", 0.995, "SQ8", 8, 40),
        Kind("ivf-fp16", 0.995, "SQfp16", 16, 40),
        Kind("ivf-pq", 0.9, "PQ{}x4fs", 2, 200, random_rotation=True),
    )
}


def kind_named(name: str) -> Kind:
    """The kind of that name.

    Raises:
        IndexStoreError: there is none.
    """
    if name not in KINDS:
        raise IndexStoreError(f"there is no kind of vector index named {name!r}: use {', '.join(KINDS)}")
    return KINDS[name]
