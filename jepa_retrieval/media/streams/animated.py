"""An animated picture as the windows of a stream, with the times that indexing gives it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.pictures.animation import sample_animation
from jepa_retrieval.media.pictures.picture_file import PictureFile
from jepa_retrieval.media.streams.sliding import SlidingWindows
from jepa_retrieval.media.streams.types import StreamCounters, StreamRequest
from jepa_retrieval.media.types import DecodeRequest, MediaWindow, ReadReport

STILL = "is a still picture: there is nothing in it that changes"


def is_picture(request: StreamRequest) -> bool:
    """Whether the source is a picture, animated or not, which Pillow reads.

    Raises:
        UnreadableMediaError: it is no regular file, empty, or may not be read.
    """
    source = request.source
    return source.kind == "file" and not source.follow and reader_of(Path(source.address)) != "video"


def animation_windows(request: StreamRequest, counters: StreamCounters) -> Iterator[MediaWindow]:
    """Yield the windows of an animated picture; `counters.partial` says what of it cannot be read.

    Raises:
        UnreadableMediaError: it is a still picture, or its first frame is damaged.
    """
    path = Path(request.source.address)
    windows = SlidingWindows(
        request.rate,
        image_size=request.image_size,
        fit=request.fit,
        reach=request.reach,
        thumbnails=request.thumbnails,
    )
    wanted = DecodeRequest(
        path,
        request.image_size,
        fit=request.fit,
        window=1 / request.rate,
        sampling=request.rate * request.frames_per_step,
        frames_per_window=request.frames_per_step,
        end=request.seconds,
    )
    report = ReadReport()
    with PictureFile(path, raw=reader_of(path) == "raw") as file:
        if not file.is_animated:
            raise UnreadableMediaError(path, STILL)
        counters.connections += 1
        aspect = file.width / file.height
        frames = sample_animation(path, file.image, wanted, transfer=file.transfer, report=report)
        for time, picture in frames:
            yield from windows.add(time, picture, aspect)
    end = report.duration or 0.0
    yield from windows.close(end if request.seconds is None else min(end, request.seconds))
    counters.partial = "; ".join(report.partial) or None
