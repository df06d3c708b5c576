"""Clips as rows of a Milvus collection, and back."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from indexes.records import ClipHit, ClipWindows
from indexes.schema import CLIP_FILTER_COLUMNS
from indexes.vectors.windows import read_streams

MAX_TEXT = 65_535  # bytes of a text in Milvus
HIT_FIELDS = ["clip_id", "path", "kind", "start", "end"]
_CHUNK = 60_000  # characters of one element of `windows`
_MAX_CHUNKS = 4_096
_NUMBERS = ("clip_id", "media_id", "width", "height", "size")
_FLOATS = ("start", "end", "duration", "frame_rate")


def stored_columns(texts: Sequence[str]) -> list[str]:
    """What is read of each clip, beside its embedding and windows: filters use it."""
    return ["media_id", *CLIP_FILTER_COLUMNS, *texts]


def collection_schema(client: Any, embedding_size: int, texts: Sequence[str]) -> Any:
    """The schema of the collection of clips."""
    from pymilvus import DataType

    schema = client.create_schema(auto_id=False, enable_dynamic_field=False)
    schema.add_field("clip_id", DataType.INT64, is_primary=True)
    schema.add_field("digest", DataType.INT64)
    schema.add_field("embedding", DataType.FLOAT_VECTOR, dim=embedding_size)
    schema.add_field(
        "windows",
        DataType.ARRAY,
        element_type=DataType.VARCHAR,
        max_capacity=_MAX_CHUNKS,
        max_length=MAX_TEXT,
    )
    for name in stored_columns(texts):
        if name == "clip_id":
            continue
        if name in _FLOATS:
            schema.add_field(name, DataType.DOUBLE, nullable=True)
        elif name in _NUMBERS:
            schema.add_field(name, DataType.INT64, nullable=True)
        else:
            schema.add_field(name, DataType.VARCHAR, max_length=MAX_TEXT, nullable=True)
    return schema


def digests(batch: pa.RecordBatch) -> list[int]:
    """A number for each row of stored columns that changes with any of its values; signed, 64 bits."""
    rows = zip(*(batch.column(name).to_pylist() for name in batch.schema.names), strict=True)
    return [int.from_bytes(_hash(repr(row)), "big", signed=True) for row in rows]


def _hash(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def rows_of(table: pa.Table, columns: Sequence[str], embedding_size: int) -> list[dict[str, Any]]:
    """Rows to insert, without their digests.

    Args:
        table: clips with `columns`, `embedding`, `window_times` and `window_embeddings`.
        columns: of `stored_columns`.
    """
    vectors = table["embedding"].combine_chunks().flatten().to_numpy().reshape(-1, embedding_size)
    streams = read_streams(table, embedding_size)
    fields = {name: table[name].to_pylist() for name in columns}
    return [
        {
            "embedding": vectors[row].astype(np.float32),
            "windows": _packed(streams[row]),
            **{name: values[row] for name, values in fields.items()},
        }
        for row in range(len(table))
    ]


def hit_of(row: Mapping[str, Any], score: float) -> ClipHit:
    """A row with `HIT_FIELDS` as a record."""
    return ClipHit(
        clip_id=int(row["clip_id"]),
        score=score,
        path=row["path"],
        kind=row["kind"],
        start=row.get("start"),
        end=row.get("end"),
    )


def windows_of(chunks: Sequence[str], embedding_size: int) -> ClipWindows | None:
    """The stream of a clip; None if it has one window only."""
    data = base64.b64decode("".join(chunks))
    count = len(data) // (8 + 2 * embedding_size)
    if not count:
        return None
    times = np.frombuffer(data, "<f4", 2 * count).reshape(-1, 2)
    return ClipWindows(times, np.frombuffer(data, "<f2", offset=8 * count).reshape(-1, embedding_size))


def _packed(stream: ClipWindows | None) -> list[str]:
    if stream is None:
        return []
    data = stream.times.astype("<f4").tobytes() + stream.embeddings.astype("<f2").tobytes()
    text = base64.b64encode(data).decode()
    return [text[at : at + _CHUNK] for at in range(0, len(text), _CHUNK)]
