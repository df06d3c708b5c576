"""The pictures of a file that differ from the one before, in full size: what is written in them may be another.

Called in worker processes: a damaged file can do no harm there.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.media.probing import probe
from jepa_retrieval.media.types import DecodeRequest, ReadReport
from jepa_retrieval.media.windows import read_frames

MAX_SIDE = 1920  # pixels; larger pictures are scaled down
MIN_SECONDS = 1.0  # between two pictures of a clip
MAX_BYTES = 64 * 2**20  # of the pictures that are returned together

# Pictures are compared by how much the brightness changes on average in such squares: in that of another letter by
# far more than this, and by less through compression and noise.
_SQUARE = 20  # pixels
_MIN_CHANGE = 8.0  # brightness levels of 255
_SOONER = 1e-3  # seconds; so much before a frame, reading begins, as times are rounded


@dataclass(frozen=True, slots=True, eq=False)
class LastPicture:
    """The picture that was taken last."""

    time: float
    brightness: np.ndarray  # uint8 [h, w]


@dataclass(frozen=True, slots=True, eq=False)
class ChangedPictures:
    """Some pictures of a file, in order of time."""

    pictures: list[tuple[float | None, np.ndarray]]  # seconds, None for still pictures; uint8 [h, w, 3] RGB
    next_time: float | None  # where the next pictures are; None: there are none
    last: LastPicture | None


def read_changed(
    path: Path,
    starts: Sequence[float],
    begin: float | None,
    last: LastPicture | None,
    *,
    on_tick: Callable[[], None],
) -> ChangedPictures:
    """The first picture of each clip, and those in it that differ from the picture before.

    They come in portions: for the next, pass `next_time` and `last` of the one before.

    Args:
        path: a video or a picture.
        starts: of its clips, seconds, ascending.
        begin: where to begin, seconds; None: at the beginning.
        last: what was taken before.
        on_tick: called often.

    Raises:
        UnreadableMediaError: the file cannot be read.
    """
    info = probe(path, on_tick=on_tick)
    side = min(MAX_SIDE, max(info.width, info.height))
    start = None if begin is None else max(0.0, begin - _SOONER)
    request = DecodeRequest(path, side, fit=Fit("pad"), start=start, thumbnails=False, hash_content=False)
    taken: list[tuple[float | None, np.ndarray]] = []
    size = 0
    for time, pixels, _ in read_frames(request, report=ReadReport(), on_tick=on_tick):
        if time is None:
            return ChangedPictures([(None, pixels)], None, None)
        if begin is not None and time < begin:
            continue
        brightness = _brightness(pixels)
        if last is not None and not _is_wanted(time, brightness, last, starts):
            continue
        if taken and size + pixels.nbytes > MAX_BYTES:
            return ChangedPictures(taken, time, last)
        taken.append((time, pixels))
        size += pixels.nbytes
        last = LastPicture(time, brightness)
    return ChangedPictures(taken, None, last)


def clip_at(time: float, starts: Sequence[float]) -> int:
    """The number of the clip that a time belongs to."""
    return max(0, int(np.searchsorted(starts, time + 1e-6, side="right")) - 1)


def _is_wanted(time: float, brightness: np.ndarray, last: LastPicture, starts: Sequence[float]) -> bool:
    if clip_at(time, starts) != clip_at(last.time, starts):
        return True
    if time - last.time < MIN_SECONDS:
        return False
    return _change(brightness, last.brightness) > _MIN_CHANGE


def _brightness(pixels: np.ndarray) -> np.ndarray:
    """The mean of the colours, uint8 [h, w]: every colour counts, in letters."""
    return (pixels // 3).sum(axis=2, dtype=np.uint8)


def _change(one: np.ndarray, other: np.ndarray) -> float:
    """The mean change of brightness in the square where it is largest; squares at the edges may be smaller."""
    if one.shape != other.shape:
        return 255.0
    changes = np.abs(one.astype(np.int16) - other).astype(np.float32)
    rows, columns = (np.arange(0, length, _SQUARE) for length in one.shape)
    sums = np.add.reduceat(np.add.reduceat(changes, rows, axis=0), columns, axis=1)
    heights, widths = (
        np.diff([*edges, length]) for edges, length in zip((rows, columns), one.shape, strict=True)
    )
    return float((sums / np.outer(heights, widths)).max())
