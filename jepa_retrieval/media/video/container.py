"""Opens a video with libav: chooses its stream, reads its clock and refuses what is unsafe to decode."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import MAX_DURATION, MAX_PIXELS, size_problem
from jepa_retrieval.media.reasons import NO_FRAME, NO_VIDEO, check_regular_file, library_reason

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet

av.logging.set_level(None)  # libav says a lot about damaged files; what matters is raised

_MOST_FRAME_RATE = 1000.0  # what lies above is a clock's tick that libav took for a frame
_SEEK_MARGINS = (0.0, 1.0, 10.0, 60.0)  # seconds before the goal that are tried in turn
_PLAYLISTS = ("hls", "dash", "concat", "concatf", "imf", "sdp", "rtsp", "lrc")
_PICTURE_CODECS = ("ansi", "bintext", "xbin", "idf")  # text that libav draws as pictures


class Video:
    """An open container: the stream of pictures that a player would show, its packets and its clock.

    Use as a context manager. Times are seconds of presentation time since the container's start time.

    Args:
        name: what errors call it.
        container: open for reading; closed with this object, and when this raises.
        threads: of the decoder; None chooses by the number of cores and the size of the picture.
        deblock: whether the decoder smooths the edges of blocks. Without, decoding is faster and key frames lose what
            nobody sees once they are scaled down to half their size; other frames would drift.

    Raises:
        UnreadableMediaError: it has no video, or its pictures are too large.
    """

    def __init__(
        self, name: object, container: InputContainer, *, threads: int | None = None, deblock: bool = True
    ) -> None:
        self.name = name
        self.container = container
        try:
            self.stream = self._choose_stream()
            self._prepare_decoder(threads, deblock=deblock)
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    def _choose_stream(self) -> VideoStream:
        """The stream that a player would show; cover art of music is none."""
        streams = [
            stream
            for stream in self.container.streams.video
            if not stream.disposition & av.stream.Disposition.attached_pic
        ]
        if not streams:
            raise UnreadableMediaError(self.name, NO_VIDEO)
        best = self.container.streams.best("video")
        stream = best if isinstance(best, VideoStream) and best in streams else streams[0]
        if stream.codec_context is None:
            raise UnreadableMediaError(self.name, "there is no decoder for its codec")
        if stream.codec_context.name in _PICTURE_CODECS:
            raise UnreadableMediaError(self.name, "is text, not a video")
        return stream

    def _prepare_decoder(self, threads: int | None, *, deblock: bool) -> None:
        stream = self.stream
        width, height = stream.codec_context.width, stream.codec_context.height
        if width and height and (problem := size_problem(width, height)):
            raise UnreadableMediaError(self.name, problem)
        unfiltered = {} if deblock else {"skip_loop_filter": "all"}
        stream.codec_context.options = {"max_pixels": str(MAX_PIXELS.value), **unfiltered}
        stream.thread_type = "AUTO"
        # more threads hold more pictures: few for large ones
        most = 2 if width * height > 2**24 else 4
        stream.codec_context.thread_count = threads or min(most, os.cpu_count() or 1)
        for other in self.container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all
        self.time_base = float(stream.time_base or 0) or 1.0 / av.time_base
        starts = [stream.start_time * self.time_base] if stream.start_time is not None else []
        if self.container.start_time is not None:
            starts.append(self.container.start_time / av.time_base)
        self.origin = min(starts, default=0.0)

    @property
    def frame_rate(self) -> float | None:
        """Mean frames per second, as the header says; None if it does not."""
        for rate in (self.stream.average_rate, self.stream.guessed_rate):
            if rate and 0 < float(rate) <= _MOST_FRAME_RATE:
                return float(rate)
        return None

    @property
    def duration(self) -> float | None:
        """Seconds from 0 to where the header says that the video ends; None if it says nothing believable."""
        stream = self.stream
        found: float | None = None
        if stream.duration:
            found = (stream.start_time or 0) * self.time_base + stream.duration * self.time_base - self.origin
        elif self.container.duration:
            found = self.container.duration / av.time_base
        return found if found is not None and math.isfinite(found) and 0 < found < MAX_DURATION else None

    @property
    def pixel_aspect(self) -> float:
        """Width of a stored pixel in units of its height."""
        ratio = self.stream.sample_aspect_ratio or self.stream.codec_context.sample_aspect_ratio
        return float(ratio) if ratio and 0.01 < float(ratio) < 100 else 1.0

    def packet_time(self, packet: Packet) -> float | None:
        """Presentation time of a packet (its decoding time if the container has no other), seconds."""
        stamp = packet.pts if packet.pts is not None else packet.dts
        return None if stamp is None else stamp * self.time_base - self.origin

    def decode_time(self, packet: Packet) -> float | None:
        """Decoding time of a packet, seconds: no packet after it is shown earlier. None if it has none."""
        return None if packet.dts is None else packet.dts * self.time_base - self.origin

    def frame_time(self, frame: VideoFrame) -> float | None:
        """Presentation time of a decoded frame, seconds."""
        stamp = frame.pts if frame.pts is not None else frame.dts
        return None if stamp is None else stamp * self.time_base - self.origin

    def seek(self, time: float) -> None:
        """Go to a key frame at or before `time`, or to the beginning if there is none before."""
        for margin in _SEEK_MARGINS:
            if self._seek(time - margin) and self._key_frame_by(time) and self._seek(time - margin):
                return
        if not self._seek(-1.0):
            self._seek(0.0)

    def _seek(self, time: float) -> bool:
        try:
            self.container.seek(int((time + self.origin) / self.time_base), stream=self.stream, backward=True)
        except av.error.FFmpegError:
            return False
        return True

    def _key_frame_by(self, time: float) -> bool:
        """Whether the next key frame comes by `time`: transport streams may land behind it."""
        with contextlib.suppress(av.error.FFmpegError):
            for packet in itertools.islice(self.packets(), 100):
                found = self.packet_time(packet)
                if found is not None and packet.is_keyframe:
                    return found <= time + 1e-6
        return False

    def packets(self) -> Iterator[Packet]:
        """The stream's packets in order of decoding, without the empty one that marks the end."""
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (
                StopIteration,
                IndexError,
            ):  # at the end PyAV stumbles over streams that appeared on the way
                return
            if packet.size:
                yield packet

    def first_frame(self, *, most_packets: int = 500) -> VideoFrame:
        """Decode just far enough to have a picture.

        Raises:
            UnreadableMediaError: none of the first packets gives one.
        """
        context = self.stream.codec_context
        problem: BaseException | None = None
        fed = 0
        try:
            for packet in self.packets():
                fed += 1
                try:
                    frames = context.decode(packet)
                except av.error.FFmpegError as error:
                    problem, frames = error, []
                if frames:
                    return frames[0]
                if fed >= most_packets:
                    break
            frames = context.decode(None)
            if frames:
                return frames[0]
        except av.error.FFmpegError as error:
            problem = error
        raise UnreadableMediaError(self.name, NO_FRAME) from problem


class VideoFile(Video):
    """An open video file; see `Video`.

    Args:
        path: the file.
        threads: see `Video`.
        deblock: see `Video`.

    Raises:
        UnreadableMediaError: it cannot be opened, has no video, or its pictures are too large.
    """

    def __init__(self, path: Path, *, threads: int | None = None, deblock: bool = True) -> None:
        self.path = path
        check_regular_file(path)
        try:
            # "file:" keeps names such as "a:b.mp4" from being taken for a protocol
            container: InputContainer = av.open(
                "file:" + os.path.abspath(path),
                metadata_errors="replace",
                options={"protocol_whitelist": "file"},
            )
        except Exception as error:
            raise UnreadableMediaError(path, library_reason(error)) from error
        if container.format.name in _PLAYLISTS:
            container.close()
            raise UnreadableMediaError(path, "is a playlist, not a video")
        super().__init__(path, container, threads=threads, deblock=deblock)
