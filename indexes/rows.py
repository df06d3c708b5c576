"""One file as rows of both tables, before it has ids: made anywhere, stored by the one writer."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from indexes.errors import IndexStoreError
from indexes.reasons import reason
from indexes.records import ClipRecord, MediaRecord

if TYPE_CHECKING:
    import pyarrow as pa


@dataclass(frozen=True, slots=True, eq=False)
class FileRows:
    """A file's row in the media table and those of its clips; their ids count from 0."""

    path: str
    media: pa.Table
    clips: pa.Table

    @property
    def kind(self) -> str:
        """That of the file."""
        return str(self.media["kind"][0].as_py())

    def with_ids(self, media_id: int, first_clip_id: int) -> FileRows:
        """The same rows with their ids in an index."""
        import pyarrow as pa

        count = len(self.clips)
        clip_ids = pa.array(np.arange(first_clip_id, first_clip_id + count), pa.int64())
        clips = _replace(self.clips, "clip_id", clip_ids)
        clips = _replace(clips, "media_id", pa.array(np.full(count, media_id), pa.int64()))
        return FileRows(self.path, _replace(self.media, "media_id", pa.array([media_id], pa.int64())), clips)


def file_rows(
    media: MediaRecord, clips: Sequence[ClipRecord], *, embedding_size: int, texts: tuple[str, ...] = ()
) -> FileRows:
    """The rows of a file with all its clips.

    Args:
        media: the file.
        clips: in order of time.
        embedding_size: the index's E.
        texts: the texts that the index keeps, as in its manifest.

    Raises:
        IndexStoreError: the file cannot be stored: an embedding has the wrong size or is not finite, the path is not
            valid text, a number is out of range.
    """
    from indexes.schema import clip_table, media_row

    for number, clip in enumerate(clips):
        _check(media.path, number, clip, embedding_size)
    try:
        media_rows = media_row(0, media, len(clips))
        clip_rows = clip_table(0, media, range(len(clips)), clips, embedding_size, texts)
    except (ValueError, TypeError, LookupError, OverflowError) as error:
        raise IndexStoreError(f"{media.path!r} cannot be stored: {reason(error)}") from error
    return FileRows(media.path, media_rows, clip_rows)


def _check(path: str, number: int, clip: ClipRecord, size: int) -> None:
    if clip.embedding.shape != (size,):
        shape = list(clip.embedding.shape)
        raise IndexStoreError(f"{path}: the embedding of clip {number} has shape {shape}, not [{size}]")
    if not np.isfinite(clip.embedding).all():
        raise IndexStoreError(f"{path}: the embedding of clip {number} holds NaN or infinity")


def _replace(table: pa.Table, name: str, values: pa.Array) -> pa.Table:
    at = table.schema.get_field_index(name)
    return table.set_column(at, table.schema.field(at), values)
