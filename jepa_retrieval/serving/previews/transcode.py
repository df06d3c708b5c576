"""A video as a fragmented MP4 that every browser plays: H.264 with 8 bits, AAC, written while it is decoded.

The presentation time of the copy begins at 0 where `start` of the request is. Frames keep their distances, so a
variable rate stays one; rotation, pixel aspect and high dynamic range are applied to the pictures.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator
from fractions import Fraction
from typing import BinaryIO

import av
import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.pictures.animation import sample_animation
from jepa_retrieval.media.pictures.picture_file import PictureFile
from jepa_retrieval.media.reasons import NO_FRAME, NO_SOUND, ONLY_SOUND
from jepa_retrieval.media.types import DecodeRequest, ReadReport
from jepa_retrieval.media.video.frames import Appearance, Scaler
from jepa_retrieval.media.video.video_file import VideoFile
from jepa_retrieval.serving.previews.request import PreviewRequest
from jepa_retrieval.serving.previews.sound import RATE, Sound

TIME_BASE = Fraction(1, 90_000)
MAX_FRAME_RATE = 60
_MIN_STEP = 0.9 / MAX_FRAME_RATE  # seconds between frames; what comes sooner is left out
_GOP = 30
_X264 = {"preset": "veryfast", "crf": "24", "tune": "zerolatency", "profile": "high"}
# Fragments of half a second: playing begins after the first one.
_MP4 = {"movflags": "empty_moov+default_base_moof+frag_keyframe", "frag_duration": "500000"}

Picture = tuple[float, np.ndarray]  # seconds after the start, uint8 [h, w, 3]


def transcode(request: PreviewRequest, output: BinaryIO) -> None:
    """Write the copy of a file, or of an interval of it.

    Raises:
        UnreadableMediaError: nothing of it can be decoded.
        BrokenPipeError: nobody reads the copy any more.
    """
    if reader_of(request.file) != "video":
        _write(output, _animation(request), None)
        return
    try:
        video = VideoFile(request.file)
    except UnreadableMediaError as error:
        if error.reason != ONLY_SOUND:
            raise
        _write_sound(output, request)
        return
    with video:
        pictures = _pictures(video, request)
        if not request.sound:
            _write(output, pictures, None)
            return
        with Sound(request.file, origin=video.origin, start=request.start) as sound:
            _write(output, pictures, sound.frames() if sound.is_there else None)


def first_picture(request: PreviewRequest) -> np.ndarray:
    """What is on screen at the start, uint8 [h, w, 3].

    Raises:
        UnreadableMediaError: nothing can be decoded there.
    """
    with VideoFile(request.file) as video:
        for _, pixels in _pictures(video, request):
            return pixels
    raise UnreadableMediaError(request.file, NO_FRAME)


def _pictures(video: VideoFile, request: PreviewRequest) -> Iterator[Picture]:
    """The frames from start to end, scaled; the one on screen at the start is the first."""
    end = math.inf if request.end is None else request.end
    scale: Scaler | None = None
    before: VideoFrame | None = None
    last = -math.inf
    for time, frame in _decoded(video, request.start):
        if time >= end:
            break
        if time < request.start:
            before = frame
            continue
        if scale is None:
            shown = Appearance.of(video, frame)
            scale = Scaler(fitted(shown.width, shown.height, request.height), shown.matrix)
            if before is not None and time - request.start >= _MIN_STEP:
                yield 0.0, scale(before)
            before = None
        if time - last >= _MIN_STEP:
            last = time
            yield time - request.start, scale(frame)
    if scale is None and before is not None:  # a still picture that goes on until the end
        shown = Appearance.of(video, before)
        yield 0.0, Scaler(fitted(shown.width, shown.height, request.height), shown.matrix)(before)


def _decoded(video: VideoFile, start: float) -> Iterator[tuple[float, VideoFrame]]:
    """Frames in order of time; damaged packets are left out."""
    if start > 0:
        video.seek(start)
    context = video.stream.codec_context
    number = itertools.count()
    for packet in itertools.chain(video.packets(), [None]):
        try:
            frames = context.decode(packet)
        except av.error.FFmpegError:
            continue
        for frame in frames:
            time = video.frame_time(frame)
            yield next(number) * video.frame_step if time is None else time, frame


def _animation(request: PreviewRequest) -> Iterator[Picture]:
    with PictureFile(request.file) as file:
        if not file.is_animated:
            raise UnreadableMediaError(request.file, "is a photograph, not a video")
        size = max(fitted(file.width, file.height, request.height))
        decode = DecodeRequest(
            request.file,
            image_size=size,
            window=1.0,
            sampling=MAX_FRAME_RATE / 2,
            frames_per_window=MAX_FRAME_RATE // 2,
            start=request.start or None,
            end=request.end,
        )
        wanted = fitted(file.width, file.height, request.height)
        frames = sample_animation(file.path, file.image, decode, transfer=file.transfer, report=ReadReport())
        for time, picture in frames:
            yield max(0.0, time - request.start), _resized(picture, wanted)


def _resized(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    from PIL import Image

    return np.asarray(Image.fromarray(picture).resize(size))


def fitted(width: int, height: int, limit: int) -> tuple[int, int]:
    """A size with the same aspect, at most `limit` pixels high, not enlarged, both sides even as H.264 needs them."""
    scale = min(1.0, limit / height, 4096 / width)
    return max(2, 2 * round(width * scale / 2)), max(2, 2 * round(height * scale / 2))


def _write(
    output: BinaryIO, pictures: Iterator[Picture], sound: Iterator[tuple[float, AudioFrame]] | None
) -> None:
    """Encode and interleave both; the first picture tells the size."""
    first = next(pictures, None)
    if first is None:
        raise UnreadableMediaError("preview", NO_FRAME)
    with av.open(_Unseekable(output), "w", format="mp4", options=_MP4) as container:
        video = _video_stream(container, first[1])
        voice = None if sound is None else _sound_stream(container)
        waiting = None if sound is None else next(sound, None)
        for time, pixels in itertools.chain([first], pictures):
            while voice is not None and sound is not None and waiting is not None and waiting[0] <= time:
                container.mux(voice.encode(waiting[1]))
                waiting = next(sound, None)
            frame = VideoFrame.from_ndarray(pixels, format="rgb24")
            frame.pts, frame.time_base = round(time / TIME_BASE), TIME_BASE
            container.mux(video.encode(frame))
        container.mux(video.encode(None))
        if voice is not None:
            container.mux(voice.encode(None))


def _write_sound(output: BinaryIO, request: PreviewRequest) -> None:
    """Encode the sound of a file that has nothing else."""
    last = math.inf if request.end is None else request.end - request.start
    with Sound(request.file, origin=None, start=request.start) as sound:
        frames = itertools.takewhile(lambda timed: timed[0] < last, sound.frames())
        first = next(frames, None)
        if first is None:
            raise UnreadableMediaError(request.file, NO_SOUND)
        options = {"movflags": "empty_moov+default_base_moof", "frag_duration": _MP4["frag_duration"]}
        with av.open(_Unseekable(output), "w", format="mp4", options=options) as container:
            voice = _sound_stream(container)
            for _, frame in itertools.chain([first], frames):
                container.mux(voice.encode(frame))
            container.mux(voice.encode(None))


class _Unseekable:
    """A stream that can only be written: libav then writes a file that needs no going back."""

    def __init__(self, output: BinaryIO) -> None:
        self._output = output

    def write(self, data: bytes) -> int:
        view = memoryview(data)
        while view:
            view = view[self._output.write(view) or 0 :]
        return len(data)


def _video_stream(container: OutputContainer, pixels: np.ndarray) -> VideoStream:
    stream = container.add_stream("libx264", rate=MAX_FRAME_RATE // 2)
    stream.height, stream.width = pixels.shape[:2]
    stream.pix_fmt = "yuv420p"
    stream.time_base = stream.codec_context.time_base = TIME_BASE
    stream.codec_context.gop_size = _GOP
    stream.codec_context.options = _X264
    return stream


def _sound_stream(container: OutputContainer) -> AudioStream:
    stream = container.add_stream("aac", rate=RATE, layout="stereo")
    stream.codec_context.bit_rate = 128_000
    return stream
