"""Reading a file of FAISS that may come from a stranger.

FAISS checks much while it reads. Here memory is bounded by the size of the file, and what searches rely on is
checked: sizes, types, and numbers of rows that could point outside of the embeddings.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from indexes.reasons import first_line
from indexes.vectors import import_faiss
from indexes.vectors.kinds import Kind

# Loops that a file may cause: over lists, levels and parts of an index; far more than there are in ours.
MAX_LOOPS = 1_000_000
MAX_TABLE_BYTES = 64 * 1024 * 1024


def read_faiss_file(path: Path, kind: Kind, *, rows: int, size: int) -> Any:
    """The `faiss.IndexPreTransform` in a file.

    Args:
        kind: what it should be.
        rows: how many embeddings it should hold.
        size: E, their dimensions.

    Raises:
        OSError: the file cannot be read.
        ValueError: it holds something else.
    """
    faiss = import_faiss()
    # No array in the file is larger than the file itself, and no table that is computed from it than MAX_TABLE_BYTES.
    faiss.set_deserialization_vector_byte_limit(max(path.stat().st_size, MAX_TABLE_BYTES))
    faiss.set_deserialization_loop_limit(MAX_LOOPS)
    try:
        index = faiss.read_index(str(path))
    except (RuntimeError, MemoryError) as error:
        raise OSError(f"it is no index of FAISS: {first_line(error)}") from error
    _check_projection(index, rows, size)
    inner = faiss.downcast_index(index.index)
    if kind.has_lists:
        _check_lists(inner, kind, rows)
    else:
        _check_graph(inner, rows)
    return index


def _check_projection(index: Any, rows: int, size: int) -> None:
    faiss = import_faiss()
    _require(isinstance(index, faiss.IndexPreTransform) and index.chain.size() == 1, "type")
    projection = faiss.downcast_VectorTransform(index.chain.at(0))
    _require(isinstance(projection, faiss.LinearTransform) and projection.is_trained, "projection")
    reduced = projection.d_out
    _require(index.d == projection.d_in == size and index.index.d == reduced, "number of dimensions")
    _require(projection.A.size() == size * reduced and not projection.have_bias, "projection")
    _require(index.ntotal == index.index.ntotal == rows, "number of rows")
    _require(index.metric_type == index.index.metric_type == faiss.METRIC_INNER_PRODUCT, "metric")
    _require(index.is_trained and index.index.is_trained, "state")


def _check_lists(inner: Any, kind: Kind, rows: int) -> None:
    faiss = import_faiss()
    is_pq = kind.codes.startswith("PQ")
    _require(isinstance(inner, faiss.IndexIVFPQFastScan if is_pq else faiss.IndexIVFScalarQuantizer), "type")
    quantizer, lists = faiss.downcast_index(inner.quantizer), faiss.downcast_InvertedLists(inner.invlists)
    _require(isinstance(quantizer, faiss.IndexFlatIP), "quantizer")
    _require(quantizer.d == inner.d and quantizer.ntotal == inner.nlist == lists.nlist > 0, "number of lists")
    sizes = [lists.list_size(number) for number in range(inner.nlist)]
    _require(sum(sizes) == rows, "number of rows")
    if is_pq:
        pq = inner.pq
        _require(pq.nbits == 4 and pq.M * pq.dsub == inner.d == pq.d, "code")
        _require(pq.centroids.size() == inner.d << pq.nbits, "code")
        _require(
            inner.M == pq.M and inner.ksub == 16 and inner.M2 == pq.M + pq.M % 2 and inner.bbs == 32, "code"
        )
    else:
        _require(lists.code_size == inner.code_size == inner.sq.code_size and inner.sq.d == inner.d, "code")
    for number, length in enumerate(sizes):
        if length:
            ids = faiss.rev_swig_ptr(lists.get_ids(number), length)
            _require(ids.min() >= 0 and ids.max() < rows, "row number")


def _check_graph(inner: Any, rows: int) -> None:
    faiss = import_faiss()
    _require(isinstance(inner, faiss.IndexHNSWSQ), "type")
    storage, graph = faiss.downcast_index(inner.storage), inner.hnsw
    _require(isinstance(storage, faiss.IndexScalarQuantizer), "storage")
    _require(storage.d == inner.d and storage.ntotal == rows, "number of rows")
    _require(storage.code_size == storage.sq.code_size and storage.sq.d == inner.d, "code")
    _require(storage.codes.size() == rows * storage.code_size, "code")
    levels, offsets = (
        faiss.vector_to_array(graph.levels),
        faiss.vector_to_array(graph.offsets).astype(np.int64),
    )
    _require(len(levels) == rows and len(offsets) == rows + 1 and 0 <= graph.entry_point < rows, "graph")
    per_level = faiss.vector_to_array(graph.cum_nneighbor_per_level).astype(np.int64)
    _require(levels.min() > 0 and levels.max() == graph.max_level + 1 < len(per_level), "graph")
    _require(levels[graph.entry_point] == levels.max() and (np.diff(per_level) >= 0).all(), "graph")
    _require(offsets[0] == 0 and np.array_equal(np.diff(offsets), per_level[levels]), "graph")
    neighbours = faiss.rev_swig_ptr(graph.neighbors.data(), graph.neighbors.size())
    _require(len(neighbours) == offsets[-1] and neighbours.min() >= -1 and neighbours.max() < rows, "graph")


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise ValueError(f"it holds another {what} than vectors.json says")
