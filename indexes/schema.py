"""Arrow schemas of the two tables, and records to Arrow.

Arrays whose length varies from clip to clip (`tokens`, `window_embeddings`, `window_times`) are stored as their
raw little-endian, row-major bytes: one binary value per clip, read without a copy. `token_size` and the index's
embedding size give the second dimension. `indexes.arrays` turns them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pyarrow as pa

from indexes.manifest import CAPTIONS, SPEECH, WRITING
from indexes.records import ClipRecord, ClipSpeech, ClipWriting, MediaRecord

MEDIA_SCHEMA = pa.schema(
    [
        ("media_id", pa.int64()),
        ("path", pa.string()),
        ("size", pa.int64()),
        ("mtime", pa.string()),  # UTC, ISO 8601: what `where` compares
        ("mtime_ns", pa.int64()),
        ("content_hash", pa.string()),
        ("kind", pa.string()),
        ("duration", pa.float64()),
        ("width", pa.int32()),
        ("height", pa.int32()),
        ("frame_rate", pa.float64()),
        ("codec", pa.string()),
        ("sampling", pa.string()),
        ("state", pa.string()),
        ("error", pa.string()),
        ("clips", pa.int32()),  # how many the file has
    ]
)

# Media columns that every clip row repeats, so that a filter runs on the clips alone, before the vector search.
REPEATED = ("path", "kind", "duration", "width", "height", "frame_rate", "codec", "size", "mtime")

# Of a clip and its file in a table for other programs, in the table's order.
EXPORTED_COLUMNS = (
    "clip_id",
    "path",
    "kind",
    "start",
    "end",
    "duration",
    "width",
    "height",
    "frame_rate",
    "codec",
    "size",
    "mtime",
)
CLIP_FILTER_COLUMNS = ("clip_id", "start", "end", *REPEATED)
# Texts of clips: only in indexes that keep them, null where there is none yet.
CAPTION = pa.field("caption", pa.string())  # a sentence
SAID = pa.field("said", pa.string())  # lines; "" where nothing is said
WRITTEN = pa.field("written", pa.string())  # likewise
WRITING_NUMBERS = 11  # of each line: when it is seen, how surely, and where
TEXT_COLUMNS = {
    CAPTIONS: (CAPTION,),
    SPEECH: (
        SAID,
        pa.field("said_times", pa.large_binary()),  # float32 [words, 3]
        pa.field("said_by", pa.string()),
        pa.field("language", pa.string()),
    ),
    WRITING: (
        WRITTEN,
        pa.field("written_places", pa.large_binary()),  # float32 [lines, 11]
        pa.field("written_by", pa.string()),
    ),
}
SEARCHED = {SPEECH: SAID.name, WRITING: WRITTEN.name}  # columns with a full-text index
# Clips of which it is not known what is said or written in them.
LACKING = {SPEECH: "kind <> 'image' and said is null", WRITING: "kind <> 'audio' and written is null"}
_TEXT_FILTER_COLUMNS = ("caption", "said", "said_by", "language", "written", "written_by")
MEDIA_FILTER_COLUMNS = tuple(name for name in MEDIA_SCHEMA.names if name != "media_id")


def clip_filter_columns(columns: Sequence[str]) -> tuple[str, ...]:
    """What a filter of clips may name, of the columns that the table has."""
    return (*CLIP_FILTER_COLUMNS, *(name for name in _TEXT_FILTER_COLUMNS if name in columns))


def text_filter_columns(texts: Sequence[str]) -> list[str]:
    """What a filter of clips may name of the columns for `texts`."""
    fields = [field.name for text in texts for field in TEXT_COLUMNS[text]]
    return [name for name in _TEXT_FILTER_COLUMNS if name in fields]


@cache
def clip_schema(embedding_size: int, texts: tuple[str, ...] = ()) -> pa.Schema:
    """Schema of the clips table for embeddings of `embedding_size` dimensions, with columns for `texts`."""
    repeated = [MEDIA_SCHEMA.field(name) for name in REPEATED]
    return pa.schema(
        [
            pa.field("clip_id", pa.int64()),
            pa.field("media_id", pa.int64()),
            pa.field("start", pa.float64()),
            pa.field("end", pa.float64()),
            *repeated,
            pa.field("embedding", pa.list_(pa.float16(), embedding_size)),
            pa.field("window_times", pa.large_binary()),  # float32 [W, 2]
            pa.field("window_embeddings", pa.large_binary()),  # float16 [W, E]
            pa.field("token_size", pa.int32()),  # D
            pa.field("tokens", pa.large_binary()),  # float16 [N, D]
            pa.field("thumbnail", pa.large_binary()),  # JPEG
            *(field for text in texts for field in TEXT_COLUMNS[text]),
        ]
    )


def utc_time(mtime_ns: int) -> str:
    """Nanoseconds since the epoch as `2024-05-31T12:00:00Z`; text that sorts in order of time."""
    try:
        moment = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=mtime_ns // 1_000_000_000)
    except OverflowError:  # a damaged file system may report any number
        moment = datetime.max if mtime_ns > 0 else datetime.min
    return moment.replace(tzinfo=None).isoformat(timespec="seconds") + "Z"


def media_row(media_id: int, record: MediaRecord, clips: int) -> pa.Table:
    """One row of the media table for a file with that many clips."""
    computed = {
        "media_id": media_id,
        "mtime": utc_time(record.mtime_ns),
        "mtime_ns": _clamp(record.mtime_ns),
        "clips": clips,
    }
    row = {name: computed[name] if name in computed else getattr(record, name) for name in MEDIA_SCHEMA.names}
    return pa.Table.from_pylist([row], schema=MEDIA_SCHEMA)


def clip_table(
    media_id: int,
    media: MediaRecord,
    clip_ids: Sequence[int],
    clips: Sequence[ClipRecord],
    embedding_size: int,
    texts: tuple[str, ...] = (),
) -> pa.Table:
    """Rows of the clips table for the clips of one file.

    Raises:
        ValueError, TypeError, LookupError, OverflowError: a value does not fit the schema.
    """
    schema = clip_schema(embedding_size, texts)
    embeddings = np.zeros((len(clips), embedding_size), np.float16)
    for row, clip in zip(embeddings, clips, strict=True):
        row[:] = clip.embedding
    columns: dict[str, object] = {
        "clip_id": clip_ids,
        "media_id": [media_id] * len(clips),
        "start": [clip.start for clip in clips],
        "end": [clip.end for clip in clips],
        "embedding": pa.FixedSizeListArray.from_arrays(pa.array(embeddings.ravel()), embedding_size),
        "window_times": [_raw(clip.window_times, np.float32, 2) for clip in clips],
        "window_embeddings": [_raw(clip.window_embeddings, np.float16, embedding_size) for clip in clips],
        "token_size": [None if clip.tokens is None else clip.tokens.shape[1] for clip in clips],
        "tokens": [_raw(clip.tokens, np.float16) for clip in clips],
        "thumbnail": [clip.thumbnail for clip in clips],
        **{field.name: [None] * len(clips) for text in texts for field in TEXT_COLUMNS[text]},
    }
    for name in REPEATED:
        value = utc_time(media.mtime_ns) if name == "mtime" else getattr(media, name)
        columns[name] = [value] * len(clips)
    return pa.table({name: columns[name] for name in schema.names}, schema=schema)


def patch_table(batch: pa.RecordBatch, changes: Mapping[int, Mapping[str, Any]]) -> pa.RecordBatch:
    """Rows of either table with fields replaced.

    `changes` has, by media_id, `path`, `mtime_ns`, `size`, `state`, `error`, and `texts`: by clip_id, and by column.
    """
    rows = [changes[media_id] for media_id in batch["media_id"].to_pylist()]
    for name in ("path", "size", "mtime_ns", "mtime", "state", "error"):
        if name not in batch.schema.names:
            continue
        source = "mtime_ns" if name == "mtime" else name
        values = batch[name].to_pylist()
        for number, row in enumerate(rows):
            if source in row:
                convert = {"mtime": utc_time, "mtime_ns": _clamp}.get(name)
                values[number] = convert(row[source]) if convert else row[source]
        at = batch.schema.get_field_index(name)
        field = batch.schema.field(at)
        batch = batch.set_column(at, field, pa.array(values, field.type))
    return _patch_texts(batch, rows) if "clip_id" in batch.schema.names else batch


def speech_columns(speech: ClipSpeech) -> dict[str, Any]:
    """The columns of what is said in a clip.

    Raises:
        ValueError: the times have the wrong shape.
    """
    times = _raw(speech.times, np.float32, 3)
    return dict(
        zip(
            (field.name for field in TEXT_COLUMNS[SPEECH]),
            (speech.text, times, speech.source, speech.language),
            strict=True,
        )
    )


def writing_columns(writing: ClipWriting) -> dict[str, Any]:
    """The columns of what is written in a clip.

    Raises:
        ValueError: the places have the wrong shape.
    """
    names = (field.name for field in TEXT_COLUMNS[WRITING])
    places = _raw(writing.places, np.float32, WRITING_NUMBERS)
    return dict(zip(names, (writing.text, places, writing.source), strict=True))


def _patch_texts(batch: pa.RecordBatch, rows: Sequence[Mapping[str, Any]]) -> pa.RecordBatch:
    clip_ids = batch["clip_id"].to_pylist()
    texts = [row.get("texts", {}).get(clip_id, {}) for clip_id, row in zip(clip_ids, rows, strict=True)]
    for name in {name for columns in texts for name in columns}:
        at = batch.schema.get_field_index(name)
        field = batch.schema.field(at)
        stored = zip(batch[name].to_pylist(), texts, strict=True)
        values = [columns.get(name, value) for value, columns in stored]
        batch = batch.set_column(at, field, pa.array(values, field.type))
    return batch


def _raw(array: np.ndarray | None, dtype: type[np.floating], width: int | None = None) -> bytes | None:
    if array is None:
        return None
    if array.ndim != 2 or (width is not None and array.shape[1] != width):
        raise ValueError(f"an array has shape {list(array.shape)}, not [rows, {width or 'size'}]")
    return np.ascontiguousarray(array, dtype=np.dtype(dtype).newbyteorder("<")).tobytes()


def _clamp(mtime_ns: int) -> int:
    # File systems can hold times that 64 bits of nanoseconds cannot: after the year 2262.
    return max(-(2**63), min(mtime_ns, 2**63 - 1))
