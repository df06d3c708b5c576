"""Frames of a stream, with times that only run forward, to windows."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from typing import TYPE_CHECKING

import av

from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker
from jepa_retrieval.media.streams.sliding import SlidingWindows
from jepa_retrieval.media.streams.types import StreamCounters, StreamRequest
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.video.frames import Appearance, Scaler

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from jepa_retrieval.media.video.container import Video


class StreamSampler:
    """Keeps one frame per slot of the request's rate, scales it, and collects windows.

    Call `connect` for every new connection before its first frame.

    Args:
        request: how densely to sample, and how large windows are.
        counters: its `damaged` counts frames that cannot be converted.
    """

    def __init__(self, request: StreamRequest, counters: StreamCounters) -> None:
        self._image_size, self._fit = request.image_size, request.fit
        self._counters = counters
        self._plan = SamplingPlan(rate=request.rate * request.frames_per_step, key_gap=-1.0)
        self._windows = SlidingWindows(
            request.rate,
            image_size=request.image_size,
            fit=request.fit,
            reach=request.reach,
            thumbnails=request.thumbnails,
        )

    def connect(self, video: Video) -> None:
        """Take frames of `video` from now on."""
        self._video = video
        self._picker: SlotPicker[VideoFrame] = SlotPicker(self._plan)
        self._scaler: Scaler | None = None
        self._aspect = 1.0
        self._slot = sys.maxsize  # of the last frame; none yet
        if self._plan.may_skip_unreferenced(video.frame_rate) and not video.is_unstamped:
            video.stream.codec_context.skip_frame = "NONREF"

    def take(self, time: float, frame: VideoFrame) -> Iterator[MediaWindow]:
        """Take a frame; yield the windows that it completes."""
        if self._scaler is None:
            shown = Appearance.of(self._video, frame)
            self._aspect = shown.aspect
            size = self._fit.scaled_size(self._image_size, shown.width, shown.height)
            self._scaler = Scaler(size, shown.matrix)
        slot = self._plan.slot(time)
        if slot > self._slot + 1:  # reference frames are too far apart to do without others
            self._video.stream.codec_context.skip_frame = "DEFAULT"
        self._slot = slot
        yield from self._add(self._picker.offer(time, frame, damaged=frame.is_corrupt))

    def end_slot(self) -> Iterator[MediaWindow]:
        """Use the frame that the last slot has chosen so far: no other comes from this connection."""
        yield from self._add(self._picker.close())

    def finish(self, end: float) -> Iterator[MediaWindow]:
        """Yield what is left before a gap or the end, at `end` seconds."""
        yield from self.end_slot()
        yield from self._windows.close(end)

    def _add(self, chosen: tuple[float, VideoFrame] | None) -> Iterator[MediaWindow]:
        if chosen is None or self._scaler is None:
            return
        time, frame = chosen
        try:
            picture = self._scaler(frame)
        except av.error.FFmpegError:
            self._counters.damaged += 1
            return
        yield from self._windows.add(time, picture, self._aspect)
