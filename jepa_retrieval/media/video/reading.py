"""A video to its sampled pictures, with whichever decoder is asked for."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.decoders import resolve_decoder
from jepa_retrieval.media.sampling import SamplingPlan
from jepa_retrieval.media.types import DecodeRequest, ReadReport
from jepa_retrieval.media.video.frame_sources import SOURCES, UnsuitableError
from jepa_retrieval.media.video.frames import Appearance, Picture, Scaler
from jepa_retrieval.media.video.other_decoders import read_with
from jepa_retrieval.media.video.sampled import SampledVideo
from jepa_retrieval.media.video.video_file import VideoFile
from jepa_retrieval.source_paths import is_ordinary

Tick = Callable[[], None]


def read_pictures(
    request: DecodeRequest, *, report: ReadReport, on_tick: Tick | None = None
) -> Iterator[Picture]:
    """Yield the frames of a video that `request` asks for, in order of time.

    What another decoder than PyAV cannot read as PyAV does, PyAV reads; the report's warnings say so.

    Raises:
        MediaError: the decoder is not installed.
        UnreadableMediaError: the file cannot be read.
    """
    decoder = resolve_decoder(request.decoder) if is_ordinary(request.path) else "pyav"
    last = -math.inf  # time of the last frame that was yielded
    if decoder in SOURCES:
        try:
            for picture in read_with(decoder, request, report=report, on_tick=on_tick):
                last = picture.time
                yield picture
            return
        except UnsuitableError as problem:
            report.warnings[:] = [f"was read with PyAV, not {decoder}: {problem}"]
    for picture in _read_with_pyav(request, report, on_tick):
        if picture.time > last:
            yield picture


def _read_with_pyav(request: DecodeRequest, report: ReadReport, on_tick: Tick | None) -> Iterator[Picture]:
    scale: Scaler | None = None
    with VideoFile(request.path) as file:
        sampled = SampledVideo(
            file,
            SamplingPlan.of(request),
            start=request.start,
            end=request.end,
            image_size=request.image_size,
            report=report,
            on_tick=on_tick,
        )
        for time, frame in sampled.frames():
            if scale is None:
                shown = Appearance.of(file, frame)
                size = request.fit.scaled_size(request.image_size, shown.width, shown.height)
                scale = Scaler(size, shown.matrix)
            try:
                pixels = scale(frame)
            except av.error.FFmpegError as error:
                reason = f"its pixel format {frame.format.name} cannot be converted"
                raise UnreadableMediaError(request.path, reason) from error
            yield Picture(time, pixels, shown.aspect)
