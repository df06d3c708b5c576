"""Files to windows: the one function that everything above the media floor reads through."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.reasons import NO_FRAME
from jepa_retrieval.media.types import DecodeRequest, GpuWindow, MediaWindow, ReadReport

if TYPE_CHECKING:
    import numpy as np

Tick = Callable[[], None]


def read_windows(
    request: DecodeRequest, *, report: ReadReport | None = None, on_tick: Tick | None = None
) -> Iterator[MediaWindow]:
    """Read one file in this process, window by window, in order of time. Memory does not grow with its length.

    Args:
        request: what to read.
        report: filled with the duration and warnings by the time that the last window was yielded.
        on_tick: called often, so that the caller can show that a long read makes progress.

    Raises:
        UnreadableMediaError: nothing of the file, or of the interval asked for, can be decoded.
    """
    report = ReadReport() if report is None else report
    grouper: WindowGrouper | None = None
    for time, pixels, aspect in read_frames(request, report=report, on_tick=on_tick):
        if time is None:
            yield _window(request, None, None, [0.0], [pixels], aspect)
            return
        if grouper is None:
            grouper = WindowGrouper(request, aspect)
        yield from grouper.add(time, pixels)
    if grouper is not None:
        yield from grouper.close(last_end(request, report))


class Frame(NamedTuple):
    """A sampled frame, or a still picture."""

    time: float | None  # presentation time, seconds; None for still pictures
    pixels: np.ndarray  # uint8 [h, w, 3] RGB, scaled, upright
    aspect: float  # width / height as shown


def read_frames(
    request: DecodeRequest, *, report: ReadReport, on_tick: Tick | None = None
) -> Iterator[Frame]:
    """Read the frames of one file in this process, in order of time, as `request.fit` scales the whole pictures.

    Arguments and errors are those of `read_windows`.
    """
    reader = reader_of(request.path)
    if reader == "video":
        yield from _read_video(request, report, on_tick)
    else:
        yield from _read_picture(request, report, on_tick, raw=reader == "raw")


def _read_picture(
    request: DecodeRequest, report: ReadReport, on_tick: Tick | None, *, raw: bool
) -> Iterator[Frame]:
    from jepa_retrieval.media.pictures.animation import sample_animation
    from jepa_retrieval.media.pictures.picture_file import PictureFile
    from jepa_retrieval.media.pictures.still import read_picture, resampling_of

    with PictureFile(request.path, raw=raw) as file:
        aspect = file.width / file.height
        if file.is_animated:
            frames = sample_animation(
                file.path, file.image, request, transfer=file.transfer, report=report, on_tick=on_tick
            )
            for time, picture in frames:
                yield Frame(time, picture, aspect)
            return
        size = request.fit.scaled_size(request.image_size, file.width, file.height)
        picture = read_picture(
            file.path,
            file.image,
            size,
            orientation=file.orientation,
            transfer=file.transfer,
            report=report,
            resampling=resampling_of(request.fit),
            exact=request.fit.mode != "squeeze",
        )
        yield Frame(None, picture, aspect)


def _read_video(request: DecodeRequest, report: ReadReport, on_tick: Tick | None) -> Iterator[Frame]:
    from jepa_retrieval.media.video.reading import read_pictures

    found = False
    for picture in read_pictures(request, report=report, on_tick=on_tick):
        found = True
        yield Frame(*picture)
    if not found:
        raise UnreadableMediaError(request.path, _nothing_reason(request))


def _nothing_reason(request: DecodeRequest) -> str:
    if request.start is None:
        return NO_FRAME
    until = "its end" if request.end is None else f"{request.end:g} s"
    return f"there is no frame between {request.start:g} s and {until}"


def last_end(request: DecodeRequest, report: ReadReport) -> float:
    """Where the last window ends, seconds."""
    known = report.duration if report.duration is not None else 0.0
    return known if request.end is None else min(known, request.end)


def _window(
    request: DecodeRequest,
    start: float | None,
    end: float | None,
    times: Sequence[float],
    pictures: Sequence[Any],
    aspect: float,
) -> MediaWindow:
    """Scaled pictures, arrays or tensors, as a window: the thumbnail is of the middle one, whole."""
    import numpy as np

    from jepa_retrieval.media.thumbnails import make_thumbnail

    middle = pictures[len(pictures) // 2]
    on_host = isinstance(middle, np.ndarray)
    return (MediaWindow if on_host else GpuWindow)(
        start,
        end,
        np.array(times, np.float64),
        request.fit.squares(pictures, request.image_size),
        make_thumbnail(middle if on_host else middle.cpu().numpy(), aspect) if request.thumbnails else None,
        crops=request.fit.crops(pictures[0]),
    )


class WindowGrouper:
    """Collects sampled frames, in order of time, into windows."""

    def __init__(self, request: DecodeRequest, aspect: float) -> None:
        self._request = request
        self._aspect = aspect
        self._origin = request.start or 0.0
        self._number = 0  # of the window on its grid
        self._times: list[float] = []
        self._frames: list[Any] = []

    def add(self, time: float, frame: Any) -> Iterator[MediaWindow]:
        """Take a frame, an array or a tensor; yield the window before, if this frame begins a new one."""
        # the tiny number keeps 1.9999999 s, a rounded 2 s, in the window that begins there
        number = max(0, math.floor((time - self._origin) / self._request.window + 1e-6))
        if self._times and number > self._number:
            yield self._window(self._edge(number))
        if not self._times:
            self._number = number
        if len(self._times) < self._request.frames_per_window:
            self._times.append(time)
            self._frames.append(frame)

    def close(self, end: float) -> Iterator[MediaWindow]:
        """Yield the last window; `end` is where the video ends, seconds."""
        if not self._times:
            return
        if end <= self._times[-1] or end <= self._edge(
            self._number
        ):  # nothing says how long the last frame lasts
            end = self._edge(self._number + 1)
        yield self._window(end)

    def _edge(self, number: int) -> float:
        return self._origin + number * self._request.window

    def _window(self, end: float) -> MediaWindow:
        window = _window(
            self._request, self._edge(self._number), end, self._times, self._frames, self._aspect
        )
        self._times, self._frames = [], []
        return window
