"""Where time 0 of a file lies on the clock of its container: the same for its pictures, sound and subtitles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import av
from av.stream import Disposition
from av.video.stream import VideoStream

if TYPE_CHECKING:
    from av.container import InputContainer

_STATE_THE_END = (
    "matroska,webm",
    "nut",
)  # formats whose headers state when the last picture ends, by its stamp


def shown_stream(container: InputContainer) -> VideoStream | None:
    """The video stream that a player would show, cover art of music being none; None without."""
    streams = [
        stream for stream in container.streams.video if not stream.disposition & Disposition.attached_pic
    ]
    best = container.streams.best("video")
    if isinstance(best, VideoStream) and best in streams:
        return best
    return next(iter(streams), None)


def clock_origin(container: InputContainer, stream: VideoStream | None) -> float:
    """The seconds of the container's clock at which a player's clock starts.

    Args:
        container: an open file.
        stream: its shown stream, if it has pictures.
    """
    starts = []
    if stream is not None and stream.start_time is not None:
        starts.append(stream.start_time * (float(stream.time_base or 0) or 1.0 / av.time_base))
    if container.start_time is not None:
        starts.append(container.start_time / av.time_base)
    return min(starts, default=0.0)


def stated_length(container: InputContainer, origin: float) -> float | None:
    """Seconds from `origin` to the end that the header states for all streams; None if it states none.

    In Matroska some programs write the end by its stamp, others the length. The shorter is taken where stamps begin
    late: a file that is whole must not be called cut off.
    """
    if not container.duration:
        return None
    stated = container.duration / av.time_base
    late = container.format.name in _STATE_THE_END and 0 < origin < stated
    return stated - origin if late else stated
