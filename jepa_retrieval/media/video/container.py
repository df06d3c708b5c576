"""Opens a video with libav: chooses its stream, reads its clock and refuses what is unsafe to decode."""

from __future__ import annotations

import contextlib
import itertools
import math
import os
from collections.abc import Iterator
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av
from av.video.frame import VideoFrame

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import MAX_DURATION, MAX_PIXELS, MAX_UNDECIDED_BYTES, size_problem
from jepa_retrieval.media.reasons import NO_FRAME, NO_VIDEO, ONLY_SOUND
from jepa_retrieval.media.video.origin import clock_origin, shown_stream, stated_length
from jepa_retrieval.media.video.packet_clock import PacketClock, stamps_may_jump

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

av.logging.set_level(None)  # libav logs a lot about damaged files; what matters is raised

_MAX_FRAME_RATE = 1000.0  # what lies above is a clock's tick that libav took for a frame
_MAX_STATED_RATE = 300.0  # of a raw stream; what lies above is the unit of a clock
_DEFAULT_FRAME_RATE = 25.0
_UNSTAMPED_FORMATS = ("h264", "hevc", "vvc", "obu")
_OWN_DURATIONS = ("mov,mp4,m4a,3gp,3g2,mj2", "avi")  # formats; libav gives the streams of others one duration
_MIN_DURATION = 1e-3  # seconds; less is a guess from a single stamp
_MIN_SOUND_LONGER = 1.0  # seconds; sound that ends a little later than the pictures is usual
_SEEK_MARGINS = (0.0, 1.0, 10.0, 60.0)  # seconds before the goal that are tried in turn
_PICTURE_CODECS = ("ansi", "bintext", "xbin", "idf")  # text that libav draws as pictures


class Video:
    """An open container: the stream of pictures that a player would show, its packets and its clock.

    Use as a context manager. Times are seconds of presentation time since the container's start time, and run on
    where the stamps of a file begin anew.

    Args:
        name: what errors call it.
        container: open for reading; closed with this object, and when this raises.
        threads: of the decoder; None chooses by the number of cores and the size of the picture.
        deblock: whether the decoder smooths the edges of blocks. Without, decoding is faster. Key frames
            that are scaled down to half their size show no difference; errors would accumulate in other frames.

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
            self._prepare_clock()
        except BaseException:
            self.container.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.container.close()

    @property
    def clock_jumps(self) -> int:
        """How often the stamps of the packets that were read have begun anew."""
        return self._clock.jumps

    def _prepare_clock(self) -> None:
        stream = self.stream
        self.time_base = float(stream.time_base or 0) or 1.0 / av.time_base
        self.origin = clock_origin(self.container, stream)
        self.corrects_clock = True
        self.may_jump = stamps_may_jump(self.container)
        self._skip_until: float | None = None
        self._clock = PacketClock(
            time_base=self.time_base, frame_step=self.frame_step, jumps_forward=self.may_jump
        )

    def _choose_stream(self) -> VideoStream:
        """The stream that a player would show; cover art of music is none."""
        stream = shown_stream(self.container)
        if stream is None:
            has_sound = any(sound.codec_context for sound in self.container.streams.audio)
            raise UnreadableMediaError(self.name, ONLY_SOUND if has_sound else NO_VIDEO)
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
        limit = 2 if width * height > 2**24 else 4
        stream.codec_context.thread_count = threads or min(limit, os.cpu_count() or 1)
        for other in self.container.streams:
            if other.index != stream.index:
                other.discard = av.stream.Discard.all

    @property
    def is_unstamped(self) -> bool:
        """Whether its packets carry no stamps: the times of frames are told by counting."""
        return self.container.format.name in _UNSTAMPED_FORMATS

    @property
    def frame_rate(self) -> float | None:
        """Mean frames per second, as the header says; None if it does not."""
        if self.is_unstamped:  # libav guesses these; the stream itself may know
            stated = self.stream.codec_context.framerate
            if stated and float(stated) <= _MAX_STATED_RATE:
                return float(stated)
        for rate in (self.stream.average_rate, self.stream.guessed_rate):
            if rate and 0 < float(rate) <= _MAX_FRAME_RATE:
                return float(rate)
        return None

    @property
    def frame_step(self) -> float:
        """Seconds from frame to frame: 1 / 25 if the header does not say."""
        return 1.0 / (self.frame_rate or _DEFAULT_FRAME_RATE)

    @property
    def states_own_duration(self) -> bool:
        """Whether the header states the duration of the pictures apart from that of the sound."""
        return self.container.format.name in _OWN_DURATIONS

    @property
    def picture_end(self) -> float | None:
        """Seconds from 0 to the end of the last picture, as the header says; None if it says nothing plausible."""
        stream = self.stream
        if stream.duration:
            return _believable(
                (stream.start_time or 0) * self.time_base + stream.duration * self.time_base - self.origin
            )
        length = stated_length(self.container, self.origin)
        return None if length is None else _believable(length)

    @property
    def duration(self) -> float | None:
        """Seconds that a player shows it for, as the header says."""
        return self.sound_end or self.picture_end

    @property
    def sound_end(self) -> float | None:
        """Seconds from 0 to where sound ends that goes on well after the pictures: the last of these stays on screen.

        None if the header states no such sound.
        """
        ends = [
            ((sound.start_time or 0) + sound.duration) * float(sound.time_base or 0) - self.origin
            for sound in self.container.streams.audio
            if sound.duration
        ]
        pictures = self.picture_end
        sound_end = _believable(max(ends, default=0.0))
        if (
            pictures is None
            or sound_end is None
            or sound_end - pictures < _MIN_SOUND_LONGER
            or self.clock_jumps
        ):
            return None
        return sound_end

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
        """Go to a key frame at or before `time`, or to the beginning if there is none before, or no stamps."""
        self._clock.restart()
        self._skip_until = None
        if self.may_jump or self.is_unstamped:  # no stamp says where in the file that is
            with contextlib.suppress(av.error.FFmpegError):
                self.container.seek(0, unsupported_byte_offset=True)
            self._skip_until = time if self.may_jump else None  # packets before are read and dropped
            return
        for margin in _SEEK_MARGINS:
            if self._seek(time - margin) and self._key_frame_by(time) and self._seek(time - margin):
                self._clock.restart()
                return
        if not self._seek(-1.0):
            self._seek(0.0)
        self._clock.restart()

    def _seek(self, time: float) -> bool:
        try:
            self.container.seek(int((time + self.origin) / self.time_base), stream=self.stream, backward=True)
        except av.error.FFmpegError:
            return False
        return True

    def _key_frame_by(self, time: float) -> bool:
        """Whether the next key frame comes by `time`: some containers land behind it."""
        with contextlib.suppress(av.error.FFmpegError):
            for packet in itertools.islice(self._demuxed(), 100):
                found = self.packet_time(packet)
                if found is not None and packet.is_keyframe:
                    return found <= time + 1e-6
        return False

    def packets(self) -> Iterator[Packet]:
        """The stream's packets in order of decoding, without the empty one that marks the end.

        Stamps that begin anew are moved, unless `corrects_clock` is False.
        """
        packets = self._on_one_clock() if self.corrects_clock else self._demuxed()
        if self._skip_until is not None:
            return self._from_group_at(self._skip_until, packets)
        return packets

    def _on_one_clock(self) -> Iterator[Packet]:
        for packet in self._demuxed():
            if packet.dts is not None:
                packet.dts, packet.pts = self._clock.move(packet.dts, packet.pts)
            yield packet

    def _from_group_at(self, time: float, packets: Iterator[Packet]) -> Iterator[Packet]:
        """Leave out packets before the last key frame before `time`."""
        group: list[Packet] = []
        size = 0
        for packet in packets:
            due = self.decode_time(packet)
            shown = self.packet_time(packet)
            if packet.is_keyframe and (shown is None or shown <= time):
                group, size = [], 0
            group.append(packet)
            size += packet.size
            if due is None or due >= time or size > MAX_UNDECIDED_BYTES:
                break
        yield from group
        yield from packets

    def _demuxed(self) -> Iterator[Packet]:
        packets = self.container.demux(self.stream)
        while True:
            try:
                packet = next(packets)
            except (StopIteration, IndexError):
                return  # at the end PyAV stumbles over streams that appeared on the way
            if packet.size:
                yield packet

    def first_frame(self, *, max_packets: int = 500) -> VideoFrame:
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
                if fed >= max_packets:
                    break
            frames = context.decode(None)
            if frames:
                return frames[0]
        except av.error.FFmpegError as error:
            problem = error
        raise UnreadableMediaError(self.name, NO_FRAME) from problem


def _believable(seconds: float) -> float | None:
    return seconds if math.isfinite(seconds) and _MIN_DURATION < seconds < MAX_DURATION else None
