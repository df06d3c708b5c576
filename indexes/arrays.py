"""Rows of the tables back to records and NumPy arrays."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from indexes.errors import IndexFormatError
from indexes.records import ClipSpeech, ClipWriting, MediaKind, MediaRecord, MediaState

if TYPE_CHECKING:
    import pyarrow as pa

MEDIA_FIELDS = tuple(MediaRecord.__dataclass_fields__)


_WRITING_NUMBERS = 11  # of a line, see `ClipWriting`

# What may be missing in a stored `MediaRecord`.
_OPTIONAL = {"duration", "width", "height", "frame_rate", "codec", "error"}


def check_filled(table: pa.Table, *columns: str) -> None:
    """Refuse a table with empty values where there are none in ours.

    Raises:
        IndexFormatError: there is one.
    """
    for name in columns:
        if table[name].null_count:
            raise IndexFormatError(f"a row has no {name}")


def check_paths(paths: Iterable[str]) -> None:
    """Refuse paths that no file can have.

    Raises:
        IndexFormatError: there is one.
    """
    for path in paths:
        if not path or "\0" in path:
            raise IndexFormatError(f"{path[:60]!r} is not a path")


def media_records(table: pa.Table) -> list[MediaRecord]:
    """One record per row of `Index.media()`; the table needs all columns of `MediaRecord`.

    Raises:
        IndexFormatError: a value is one that this program does not store.
    """
    check_filled(table, *(name for name in MEDIA_FIELDS if name not in _OPTIONAL))
    check_paths(table["path"].to_pylist())
    for name, allowed in (("kind", get_args(MediaKind)), ("state", get_args(MediaState))):
        if unknown := set(table[name].unique().to_pylist()) - set(allowed):
            raise IndexFormatError(f"{name} is {min(unknown)[:60]!r}")
    columns = [_plain(table[name].to_pylist()) for name in MEDIA_FIELDS]
    return [MediaRecord(*values) for values in zip(*columns, strict=True)]


def _plain(values: list[Any]) -> list[Any]:
    """The same without numbers that are not finite."""
    return [None if isinstance(value, float) and not math.isfinite(value) else value for value in values]


def embeddings(table: pa.Table | pa.RecordBatch) -> np.ndarray:
    """Column `embedding` as float16 [rows, E].

    Raises:
        IndexFormatError: a row has none.
    """
    column = table["embedding"]
    if column.null_count:
        raise IndexFormatError("a row has no embedding")
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
    if not all(array is None or np.isfinite(array).all() for array in arrays):
        raise IndexFormatError("a window has no time")
    return [np.zeros((0, 2), np.float32) if array is None else array for array in arrays]


def window_embeddings(table: pa.Table, embedding_size: int) -> list[np.ndarray | None]:
    """Column `window_embeddings` as float16 [W, E] per row; None where the stream was not kept."""
    return [_array(raw, "<f2", embedding_size) for raw in table["window_embeddings"]]


def speech(table: pa.Table) -> list[ClipSpeech | None]:
    """Columns `said`, `said_times`, `said_by` and `language`; None where nothing was recognised yet.

    Raises:
        IndexFormatError: the times of words are not those of the text.
    """
    found: list[ClipSpeech | None] = []
    texts, sources, languages = (table[name].to_pylist() for name in ("said", "said_by", "language"))
    rows = zip(texts, table["said_times"], sources, languages, strict=True)
    for text, raw, source, language in rows:
        times = _array(raw, "<f4", 3)
        if text is None or times is None:
            found.append(None)
            continue
        first = times[:, 0] if np.isfinite(times).all() else np.array([-1.0])
        if (first < 0).any() or (first >= max(len(text), 1)).any() or (np.diff(first) <= 0).any():
            raise IndexFormatError("the times of words are not those of what is said")
        found.append(ClipSpeech(text, times, language, source or ""))
    return found


def writing(table: pa.Table) -> list[ClipWriting | None]:
    """Columns `written`, `written_places` and `written_by`; None where nothing was recognised yet.

    Raises:
        IndexFormatError: the places are not those of the lines.
    """
    found: list[ClipWriting | None] = []
    texts, sources = (table[name].to_pylist() for name in ("written", "written_by"))
    for text, raw, source in zip(texts, table["written_places"], sources, strict=True):
        places = _array(raw, "<f4", _WRITING_NUMBERS)
        if text is None or places is None:
            found.append(None)
            continue
        lines = text.count("\n") + 1 if text else 0
        if len(places) != lines or not np.isfinite(places).all():
            raise IndexFormatError("the places of lines are not those of what is written")
        found.append(ClipWriting(text, places, source or ""))
    return found


def _array(raw: pa.Scalar, dtype: str, width: int | None) -> np.ndarray | None:
    if not raw.is_valid or width is None:
        return None
    buffer = raw.as_buffer()
    if width < 1 or buffer.size % (width * np.dtype(dtype).itemsize):
        raise IndexFormatError(f"{buffer.size} bytes are no rows of {width} numbers")
    flat = np.frombuffer(buffer, dtype=dtype) if buffer.size else np.zeros(0, dtype)
    return flat.reshape(-1, width)
