"""The sound of a video, from some time on, as frames for an AAC encoder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler

from jepa_retrieval.media.video.origin import clock_origin
from jepa_retrieval.media.video.video_file import first_sound, open_container

RATE = 48_000
FRAME_SAMPLES = 1024  # of AAC
_MAX_DRIFT = RATE // 20  # samples; a larger gap is left as it is, so that sound and picture stay together


class Sound:
    """The first sound of a file. Use as a context manager; without sound, `frames` yields nothing.

    Args:
        path: the file.
        origin: what stamps are counted from, seconds; `Video.origin`. None for a file with sound only.
        start: where to begin, seconds from the origin.
    """

    def __init__(self, path: Path, *, origin: float | None, start: float) -> None:
        self._start = start
        self._container = open_container(path)
        self._origin = clock_origin(self._container, None) if origin is None else origin
        self._stream = first_sound(self._container)
        for other in self._container.streams:
            if self._stream is None or other.index != self._stream.index:
                other.discard = av.stream.Discard.all

    def __enter__(self) -> Sound:
        return self

    def __exit__(self, *_: object) -> None:
        self._container.close()

    @property
    def is_there(self) -> bool:
        """Whether the file has sound that can be decoded."""
        return self._stream is not None

    def frames(self) -> Iterator[tuple[float, AudioFrame]]:
        """Frames of `FRAME_SAMPLES` stereo samples, and the time of each, in seconds after the start."""
        resampler = AudioResampler("fltp", "stereo", RATE, frame_size=FRAME_SAMPLES)
        position: int | None = None  # of the next sample, counted from the start
        for time, decoded in self._decoded():
            expected = round(time * RATE)
            if position is None or expected - position > _MAX_DRIFT:
                position = expected
            decoded.pts = None
            for frame in resampler.resample(decoded):
                frame.pts, frame.time_base = position, Fraction(1, RATE)
                yield position / RATE, frame
                position += frame.samples

    def _decoded(self) -> Iterator[tuple[float, AudioFrame]]:
        """Decoded frames at and after the start; damaged packets are left out."""
        stream = self._stream
        if stream is None or stream.time_base is None:
            return
        base = float(stream.time_base)
        if self._start > 0:
            with suppress(av.error.FFmpegError):
                self._container.seek(int((self._start + self._origin) / base), stream=stream, backward=True)
        for packet in self._container.demux(stream):
            try:
                frames = packet.decode()
            except av.error.FFmpegError:
                continue
            for frame in frames:
                if isinstance(frame, AudioFrame) and frame.pts is not None:
                    time = frame.pts * float(frame.time_base or base) - self._origin - self._start
                    if time >= 0:
                        yield time, frame
