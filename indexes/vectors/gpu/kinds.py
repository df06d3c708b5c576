"""The kinds of vector index on a GPU, what each takes of its memory, and which fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from indexes.errors import IndexStoreError
from indexes.vectors.gpu.backend import Gpu

_ID_BYTES = 8
_CAGRA_LINKS = 64  # of 4 bytes each
# Numbers of bytes that FAISS's product quantiser on a GPU can give a vector, ascending.
_PQ_BYTES = (1, 2, 3, 4, 8, 12, 16, 20, 24, 28, 32, 40, 48, 56, 64, 96)


@dataclass(frozen=True, slots=True)
class GpuKind:
    """One kind of index on a GPU."""

    name: str
    codes: str  # FAISS's name of the codes of lists; {} stands for bytes of a product-quantised code
    candidates: int  # that are ranked by their full vectors, for ten hits

    @property
    def is_reduced(self) -> bool:
        """Whether it holds vectors reduced to d numbers rather than all E."""
        return self.name != "gpu-flat"

    @property
    def has_lists(self) -> bool:
        """Whether codes lie in inverted lists (IVF)."""
        return self.name.startswith("gpu-ivf")

    def bytes_per_clip(self, *, size: int, reduced: int) -> float:
        """GPU memory for each clip of E = `size` dimensions, reduced to d = `reduced`."""
        if self.name == "gpu-flat":
            return 2 * size
        if self.name == "gpu-cagra":
            return 4 * reduced + 4 * _CAGRA_LINKS
        per_vector = {"Flat": 4 * reduced, "SQ8": reduced}.get(self.codes, pq_bytes(reduced))
        return per_vector + _ID_BYTES


GPU_KINDS = {
    kind.name: kind
    for kind in (
        # In order of preference: the first one that fits is chosen.
        GpuKind("gpu-flat", "", 10),
        GpuKind("gpu-ivf-flat", "Flat", 40),
        GpuKind("gpu-ivf-sq8", "SQ8", 40),
        GpuKind("gpu-ivf-pq", "PQ{}", 200),
        GpuKind("gpu-cagra", "", 40),  # by name only: it is made anew for every added file
    )
}
AUTOMATIC_GPU_KINDS = ("gpu-flat", "gpu-ivf-flat", "gpu-ivf-sq8", "gpu-ivf-pq")


def pq_bytes(reduced: int) -> int:
    """Bytes of a product-quantised code of d numbers: about half a byte a number, a length that divides d."""
    fitting = [count for count in _PQ_BYTES if count <= max(1, reduced // 2) and reduced % count == 0]
    return fitting[-1]


def choose_gpu_kind(
    gpus: Sequence[Gpu], *, rows: int, size: int, reduced: int, name: str | None = None
) -> GpuKind | None:
    """The first kind of which every card holds its share of the rows; None if none does.

    Args:
        gpus: share the rows evenly.
        rows: clips.
        size: E.
        reduced: d.
        name: the one kind to consider; None: all that are chosen automatically.

    Raises:
        IndexStoreError: there is no kind of that name.
    """
    if name is not None and name not in GPU_KINDS:
        raise IndexStoreError(f"there is no kind of GPU index named {name!r}: use {', '.join(GPU_KINDS)}")
    share = -(-rows // max(1, len(gpus)))
    for kind in (GPU_KINDS[known] for known in ([name] if name is not None else AUTOMATIC_GPU_KINDS)):
        if all(share * kind.bytes_per_clip(size=size, reduced=reduced) <= gpu.free for gpu in gpus):
            return kind
    return None
