"""The streams of clips with more than one window, beside the vectors: moments are refined without opening a table.

One file holds all windows, a row each; rows are only ever appended. A small table says which rows a clip has, with a
checksum of them, so that reading a few clips need not read the whole file.
"""

from __future__ import annotations

import uuid
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes import arrays
from indexes.records import ClipWindows
from indexes.vectors import files
from indexes.vectors.files import DamagedVectorsError, Part, WindowParts

if TYPE_CHECKING:
    import lance

SPAN_DTYPE = np.dtype([("clip_id", "<i8"), ("first", "<i8"), ("count", "<i4"), ("crc32", "<u4")])

# Rows of removed clips stay in the file. It is written anew when they are more than this part of the rows.
MOST_DEAD = 0.25
# Clips read from the table at once.
_BATCH = 256


def window_dtype(embedding_size: int) -> np.dtype:
    """One row of the file: start and end in seconds, and the embedding."""
    return np.dtype([("time", "<f4", 2), ("embedding", "<f2", embedding_size)])


@dataclass(frozen=True, slots=True)
class WindowTable:
    """The windows of all clips below `until`, mapped from disk."""

    spans: np.ndarray  # SPAN_DTYPE, ordered by clip_id; clips with one window or none are not in it
    rows: np.ndarray  # window_dtype [windows]
    until: int  # clip_ids from here on are not covered

    def read(self, clip_id: int) -> ClipWindows | None:
        """The windows of a clip; None if it has fewer than two.

        Raises:
            DamagedVectorsError: its checksum is wrong.
        """
        at = int(np.searchsorted(self.spans["clip_id"], clip_id))
        if at == len(self.spans) or self.spans["clip_id"][at] != clip_id:
            return None
        _, first, count, checksum = self.spans[at].item()
        rows = np.array(self.rows[first : first + count])
        if len(rows) < count or zlib.crc32(rows.tobytes()) != checksum:
            raise DamagedVectorsError(f"the windows of clip {clip_id} are damaged")
        return ClipWindows(rows["time"], rows["embedding"])


def load(folder: Path, parts: WindowParts | None, embedding_size: int) -> WindowTable | None:
    """The stored windows; None if there are none.

    Raises:
        DamagedVectorsError: a file is missing, cut short or damaged. The windows themselves are checked when read.
    """
    if parts is None:
        return None
    spans = np.frombuffer(files.read_part(folder, parts.spans), SPAN_DTYPE)
    row = window_dtype(embedding_size)
    if parts.rows.rows == 0:
        return WindowTable(spans, np.zeros(0, row), parts.until)
    path = folder / files.FOLDER / parts.rows.file
    try:
        rows = np.memmap(path, row, "r", shape=(parts.rows.rows,))
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} is missing or cut short: {error}") from error
    return WindowTable(spans, rows, parts.until)


def check(folder: Path, parts: WindowParts | None) -> None:
    """Read everything.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    if parts is not None:
        files.read_part(folder, parts.spans)
        files.read_part(folder, parts.rows)


def update(
    folder: Path,
    name: str,
    before: WindowParts | None,
    clips: lance.LanceDataset,
    clip_ids: np.ndarray,
    *,
    until: int,
    embedding_size: int,
) -> WindowParts:
    """Write what the files lack for the clips `clip_ids` (ascending, all below `until`) of the open table."""
    rows, kept, begin = _what_stays(folder, before, clip_ids, embedding_size)
    spans = [kept]
    new = clip_ids[clip_ids >= begin]
    for ids, streams in _streams(clips, begin, embedding_size) if len(new) else ():
        found = [(i, stream) for i, stream in zip(ids, streams, strict=True) if stream is not None]
        if found:
            spans.append(_spans(found, first=rows.rows))
            rows = files.append_rows(folder, rows, np.concatenate([stream for _, stream in found]))
    table = np.sort(np.concatenate(spans), order="clip_id")
    table = table[np.isin(table["clip_id"], clip_ids)]
    return WindowParts(
        rows=rows,
        spans=files.write_part(folder, f"spans-{name}.bin", table.tobytes(), rows=len(table)),
        until=until,
    )


def _what_stays(
    folder: Path, before: WindowParts | None, clip_ids: np.ndarray, embedding_size: int
) -> tuple[Part, np.ndarray, int]:
    """The file to append to, the spans that hold in it, and the first clip_id that it lacks."""
    try:
        table = load(folder, before, embedding_size)
    except DamagedVectorsError:
        table = None
    if table is not None and before is not None:
        spans = table.spans[np.isin(table.spans["clip_id"], clip_ids)]
        if before.rows.rows - int(spans["count"].sum()) <= MOST_DEAD * before.rows.rows:
            return before.rows, spans, before.until
    empty = Part(f"windows-{uuid.uuid4().hex[:8]}.f16", 0, 0, 0)
    rows = files.append_rows(folder, empty, np.zeros(0, window_dtype(embedding_size)))
    return rows, np.zeros(0, SPAN_DTYPE), 0


def _streams(
    clips: lance.LanceDataset, begin: int, embedding_size: int
) -> Iterator[tuple[list[int], list[np.ndarray | None]]]:
    """Clip ids and their rows (None: fewer than two windows), a batch of clips at a time."""
    import pyarrow as pa

    columns = ["clip_id", "window_times", "window_embeddings"]
    scanner = clips.scanner(columns=columns, filter=f"clip_id >= {begin}", batch_size=_BATCH)
    for batch in scanner.to_batches():
        table = pa.Table.from_batches([batch])
        streams = read_streams(table, embedding_size)
        yield table["clip_id"].to_pylist(), [None if stream is None else _rows(stream) for stream in streams]


def read_streams(table: object, embedding_size: int) -> list[ClipWindows | None]:
    """The windows of clips from columns `window_times` and `window_embeddings`; None for fewer than two."""
    times = arrays.window_times(table)
    values = arrays.window_embeddings(table, embedding_size)
    return [
        None if embeddings is None or len(embeddings) < 2 else ClipWindows(time, embeddings)
        for time, embeddings in zip(times, values, strict=True)
    ]


def _rows(stream: ClipWindows) -> np.ndarray:
    rows = np.zeros(len(stream.times), window_dtype(stream.embeddings.shape[1]))
    rows["time"], rows["embedding"] = stream.times, stream.embeddings
    return rows


def _spans(found: list[tuple[int, np.ndarray]], *, first: int) -> np.ndarray:
    spans = np.zeros(len(found), SPAN_DTYPE)
    for span, (clip_id, rows) in zip(spans, found, strict=True):
        span["clip_id"], span["first"], span["count"] = clip_id, first, len(rows)
        span["crc32"] = zlib.crc32(rows.tobytes())
        first += len(rows)
    return spans
