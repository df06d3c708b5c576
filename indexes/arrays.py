"""Rows of the tables back to records and NumPy arrays."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from indexes.records import MediaRecord

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_FIELDS = tuple(MediaRecord.__dataclass_fields__)


def media_records(table: pa.Table) -> list[MediaRecord]:
    """One record per row of `Index.media()`; the table needs all columns of `MediaRecord`."""
    columns = [table[name].to_pylist() for name in MEDIA_FIELDS]
    return [MediaRecord(*values) for values in zip(*columns, strict=True)]


def embeddings(table: pa.Table | pa.RecordBatch) -> np.ndarray:
    """Column `embedding` as float16 [rows, E]."""
    column = table["embedding"]
    if hasattr(column, "combine_chunks"):
        column = column.combine_chunks()
    flat = column.flatten().to_numpy(zero_copy_only=False)
    return flat.reshape(len(column), column.type.list_size)


def tokens(table: pa.Table) -> list[np.ndarray | None]:
    """Columns `tokens` and `token_size` as float16 [N, D] per row; None where none were kept."""
    sizes = table["token_size"].to_pylist()
    return [_array(raw, "<f2", size) for raw, size in zip(table["tokens"], sizes, strict=True)]


def window_times(table: pa.Table) -> list[np.ndarray]:
    """Column `window_times` as float32 [W, 2] (start and end in seconds) per row."""
    arrays = [_array(raw, "<f4", 2) for raw in table["window_times"]]
    return [np.zeros((0, 2), np.float32) if array is None else array for array in arrays]


def window_embeddings(table: pa.Table, embedding_size: int) -> list[np.ndarray | None]:
    """Column `window_embeddings` as float16 [W, E] per row; None where the stream was not kept."""
    return [_array(raw, "<f2", embedding_size) for raw in table["window_embeddings"]]


def _array(raw: pa.Scalar, dtype: str, width: int | None) -> np.ndarray | None:
    if not raw.is_valid or width is None:
        return None
    buffer = raw.as_buffer()
    flat = np.frombuffer(buffer, dtype=dtype) if buffer.size else np.zeros(0, dtype)
    return flat.reshape(-1, width)
