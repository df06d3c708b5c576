"""The window streams of clips with more than one window, so that moments are refined without opening a table.

One file holds all windows, one row each, and is only ever appended to. A table gives the range of rows of each clip
with their checksum, so that reading a few clips does not read the whole file.
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
from indexes.errors import IndexFormatError
from indexes.records import ClipWindows
from indexes.vectors import files
from indexes.vectors.description import (
    RANGE_DTYPE,
    DamagedVectorsError,
    DerivedFile,
    WindowFiles,
    window_dtype,
)

if TYPE_CHECKING:
    import lance

# Rows of removed clips stay in the file. It is rewritten when they exceed this share of the rows.
MAX_DELETED_SHARE = 0.25
# Clips read from the table at once.
_BATCH = 256


@dataclass(frozen=True, slots=True)
class WindowTable:
    """The windows of all clips below `next_clip_id`, mapped from disk."""

    ranges: np.ndarray  # RANGE_DTYPE, ordered by clip_id; only clips with two or more windows
    rows: np.ndarray  # window_dtype [windows]
    next_clip_id: int  # clips from this id on are not in it

    def read(self, clip_id: int) -> ClipWindows | None:
        """The windows of a clip; None if it has fewer than two.

        Raises:
            DamagedVectorsError: their checksum is wrong.
        """
        at = int(np.searchsorted(self.ranges["clip_id"], clip_id))
        if at == len(self.ranges) or self.ranges["clip_id"][at] != clip_id:
            return None
        _, first, count, checksum = self.ranges[at].item()
        rows = np.array(self.rows[max(first, 0) : max(first + count, 0)])
        if first < 0 or count < 2 or len(rows) < count or zlib.crc32(rows.tobytes()) != checksum:
            raise DamagedVectorsError(f"the windows of clip {clip_id} are damaged")
        if not np.isfinite(rows["time"]).all():
            raise DamagedVectorsError(f"a window of clip {clip_id} has no time")
        return ClipWindows(rows["time"], rows["embedding"])


def load(folder: Path, stored: WindowFiles | None, embedding_size: int) -> WindowTable | None:
    """The stored windows; None if there are none.

    Raises:
        DamagedVectorsError: a file is missing, cut short or damaged. The windows themselves are checked when read.
    """
    if stored is None:
        return None
    ranges = np.frombuffer(files.read_file(folder, stored.ranges), RANGE_DTYPE)
    if len(ranges) > 1 and not (np.diff(ranges["clip_id"]) > 0).all():
        raise DamagedVectorsError(f"{stored.ranges.file} is damaged: its clips are not in order")
    rows = files.map_rows(folder, stored.rows, window_dtype(embedding_size))
    return WindowTable(ranges, rows, stored.next_clip_id)


def check(folder: Path, stored: WindowFiles | None) -> None:
    """Read everything.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    if stored is not None:
        files.check_file(folder, stored.ranges)
        files.check_file(folder, stored.rows)


def update(
    folder: Path,
    name: str,
    before: WindowFiles | None,
    clips: lance.LanceDataset,
    clip_ids: np.ndarray,
    *,
    next_clip_id: int,
    embedding_size: int,
) -> WindowFiles:
    """Add the missing windows of the clips `clip_ids` (ascending, all below `next_clip_id`) of the open table."""
    rows, kept, first_missing = _reusable(folder, before, clip_ids, embedding_size)
    ranges = [kept]
    has_new = bool((clip_ids >= first_missing).any())
    for ids, streams in _streams(clips, first_missing, embedding_size) if has_new else ():
        found = [(i, stream) for i, stream in zip(ids, streams, strict=True) if stream is not None]
        if found:
            ranges.append(_ranges(found, first=rows.rows))
            rows = files.append_rows(folder, rows, np.concatenate([stream for _, stream in found]))
    table = np.sort(np.concatenate(ranges), order="clip_id")
    table = table[np.isin(table["clip_id"], clip_ids)]
    return WindowFiles(
        rows=rows,
        ranges=files.write_file(folder, f"window-ranges-{name}.bin", table.tobytes(), rows=len(table)),
        next_clip_id=next_clip_id,
    )


def _reusable(
    folder: Path, before: WindowFiles | None, clip_ids: np.ndarray, embedding_size: int
) -> tuple[DerivedFile, np.ndarray, int]:
    """The file to append to, the ranges that are valid in it, and the first clip_id that it lacks."""
    try:
        table = load(folder, before, embedding_size)
    except DamagedVectorsError:
        table = None
    if table is not None and before is not None:
        ranges = table.ranges[np.isin(table.ranges["clip_id"], clip_ids)]
        if before.rows.rows - int(ranges["count"].sum()) <= MAX_DELETED_SHARE * before.rows.rows:
            return before.rows, ranges, before.next_clip_id
    empty = DerivedFile(f"windows-{uuid.uuid4().hex[:8]}.f16", 0, 0, 0)
    rows = files.append_rows(folder, empty, np.zeros(0, window_dtype(embedding_size)))
    return rows, np.zeros(0, RANGE_DTYPE), 0


def _streams(
    clips: lance.LanceDataset, first_id: int, embedding_size: int
) -> Iterator[tuple[list[int], list[np.ndarray | None]]]:
    """Clip ids and their rows (None: fewer than two windows), a batch of clips at a time."""
    import pyarrow as pa

    columns = ["clip_id", "window_times", "window_embeddings"]
    scanner = clips.scanner(columns=columns, filter=f"clip_id >= {first_id}", batch_size=_BATCH)
    for batch in scanner.to_batches():
        table = pa.Table.from_batches([batch])
        streams = read_streams(table, embedding_size)
        yield table["clip_id"].to_pylist(), [None if stream is None else _rows(stream) for stream in streams]


def read_streams(table: object, embedding_size: int) -> list[ClipWindows | None]:
    """The windows of clips from columns `window_times` and `window_embeddings`; None for fewer than two."""
    times = arrays.window_times(table)
    values = arrays.window_embeddings(table, embedding_size)
    for time, stream in zip(times, values, strict=True):
        if stream is not None and len(stream) != len(time):
            raise IndexFormatError("a clip has not as many windows as times")
    return [
        None if embeddings is None or len(embeddings) < 2 else ClipWindows(time, embeddings)
        for time, embeddings in zip(times, values, strict=True)
    ]


def _rows(stream: ClipWindows) -> np.ndarray:
    rows = np.zeros(len(stream.times), window_dtype(stream.embeddings.shape[1]))
    rows["time"], rows["embedding"] = stream.times, stream.embeddings
    return rows


def _ranges(found: list[tuple[int, np.ndarray]], *, first: int) -> np.ndarray:
    ranges = np.zeros(len(found), RANGE_DTYPE)
    for entry, (clip_id, rows) in zip(ranges, found, strict=True):
        entry["clip_id"], entry["first"], entry["count"] = clip_id, first, len(rows)
        entry["crc32"] = zlib.crc32(rows.tobytes())
        first += len(rows)
    return ranges
