"""Cuts an interval out of a video file: copied where it begins and ends between groups of frames, else encoded."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import NO_FRAME, NO_SOUND, library_reason, sound_reason
from jepa_retrieval.media.video.clip_encoder import ClipEncoder
from jepa_retrieval.media.video.clip_sound import ClipSound
from jepa_retrieval.media.video.origin import clock_origin
from jepa_retrieval.media.video.timing import FRAME_TOLERANCE
from jepa_retrieval.media.video.video_file import VideoFile, open_container

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_MP4_VIDEO = ("h264", "hevc", "av1", "mpeg4")
_MOV_VIDEO = ("prores", "dnxhd", "mjpeg", "qtrle", "png", "dvvideo")

Tick = Callable[[], None]


@dataclass(frozen=True, slots=True)
class CutClip:
    """A file that holds an interval of another."""

    file: Path
    frames: int
    copied: bool  # whether the packets are those of the original


@dataclass(frozen=True, slots=True)
class _Interval:
    """What is shown from `start` on and before `end`, seconds; both a little earlier than asked for."""

    start: float
    end: float

    @classmethod
    def of(cls, file: VideoFile, start: float, end: float) -> _Interval:
        early = FRAME_TOLERANCE * file.frame_step
        return cls(start - early, end - early)

    def holds(self, time: float) -> bool:
        return self.start <= time < self.end


def cut_clip(path: Path, start: float, end: float, stem: Path, *, on_tick: Tick | None = None) -> CutClip:
    """Write the frames that begin from `start` on and before `end` to a file of their own, with their sound.

    Copied packets keep their quality and codec. If the first frame is no key frame, or the last is stored after
    frames that are shown later, H.264 is encoded.

    Args:
        path: the video.
        start: seconds of presentation time.
        end: likewise.
        stem: where to write; the ending of the container is added.
        on_tick: called for every packet.

    Raises:
        UnreadableMediaError: the file cannot be read, or none of the interval can be decoded.
        OSError: the clip cannot be written.
    """
    tick = on_tick or (lambda: None)
    try:
        with VideoFile(path) as file:
            interval = _Interval.of(file, start, end)
            copied = 0 if file.is_unstamped else _copyable(file, interval, tick)
            clip = _copy(file, interval, copied, stem, tick) if copied else None
            return clip or _encode(file, interval, stem, tick)
    except av.error.FFmpegError as error:
        raise UnreadableMediaError(path, library_reason(error)) from error


def cut_sound(path: Path, start: float, end: float, stem: Path, *, on_tick: Tick | None = None) -> CutClip:
    """Write an interval of a file with sound only as MPEG-4; arguments and errors are those of `cut_clip`."""
    target = stem.with_name(stem.name + ".m4a")
    try:
        with open_container(path) as container:
            origin = clock_origin(container, None)
        with av.open(str(target), "w", format="mp4") as out:
            sound = ClipSound(out, path, origin, start, end, on_tick or (lambda: None))
            sound.close()
    except av.error.FFmpegError as error:
        raise UnreadableMediaError(path, sound_reason(error)) from error
    if not sound.packets:
        raise UnreadableMediaError(path, NO_SOUND)
    return CutClip(target, 0, copied=False)


def _copyable(file: VideoFile, interval: _Interval, tick: Tick) -> int:
    """How many packets are the interval, none missing and none of other frames between them; 0 if none are."""
    file.seek(interval.start)
    count = 0
    complete = False
    for packet in file.packets():
        tick()
        time = file.packet_time(packet)
        due = file.decode_time(packet)
        if time is None:
            return 0
        if interval.holds(time):
            if due is None or complete or (count == 0 and not _is_sound_key(file, packet)):
                return 0
            count += 1
        elif count:
            if time < interval.start:
                return 0
            complete = True
            if due is not None and due >= interval.end:
                break  # whatever follows is shown later still
    return count


def _is_sound_key(file: VideoFile, packet: Packet) -> bool:
    """Whether decoding may begin with a packet: not every one that is marked so gives a picture by itself."""
    if not packet.is_keyframe:
        return False
    context = av.CodecContext.create(file.stream.codec_context.name, "r")
    assert isinstance(context, av.VideoCodecContext)
    context.extradata = file.stream.codec_context.extradata
    try:
        frames = [*context.decode(av.Packet(bytes(packet))), *context.decode(None)]
    except av.error.FFmpegError:
        return False
    return bool(frames) and frames[0].key_frame and not frames[0].is_corrupt


def _copy(file: VideoFile, interval: _Interval, count: int, stem: Path, tick: Tick) -> CutClip | None:
    """The clip with the first `count` packets of the interval; None if no container here takes their codec."""
    codec = file.stream.codec_context.codec.canonical_name
    suffix = ".mp4" if codec in _MP4_VIDEO else ".mov" if codec in _MOV_VIDEO else ".mkv"
    target = stem.with_name(stem.name + suffix)
    file.seek(interval.start)
    packets = itertools.dropwhile(
        lambda packet: not interval.holds(file.packet_time(packet) or 0.0), file.packets()
    )
    with av.open(str(target), "w") as out:
        try:
            stream = out.add_stream_from_template(file.stream)
        except ValueError:
            return None
        sound = ClipSound(out, file.path, file.origin, interval.start, interval.end, tick)
        first = None
        for packet in itertools.islice(packets, count):
            tick()
            assert packet.pts is not None and packet.dts is not None
            first = packet.pts if first is None else first
            packet.pts, packet.dts = packet.pts - first, packet.dts - first
            packet.stream = stream
            sound.write_until(packet.dts * file.time_base)
            out.mux(packet)
        sound.close()
    return CutClip(target, count, copied=True)


def _encode(file: VideoFile, interval: _Interval, stem: Path, tick: Tick) -> CutClip:
    target = stem.with_name(stem.name + ".mp4")
    frames = _shown(file, interval, tick)
    first = next(frames, None)
    if first is None:
        raise UnreadableMediaError(file.path, NO_FRAME)
    with av.open(str(target), "w") as out:
        encoder = ClipEncoder(out, file, first)
        sound = ClipSound(out, file.path, file.origin, interval.start, interval.end, tick)
        for frame in itertools.chain([first], frames):
            sound.write_until(encoder.add(frame))
        encoder.close()
        sound.close()
    return CutClip(target, encoder.frames, copied=False)


def _shown(file: VideoFile, interval: _Interval, tick: Tick) -> Iterator[VideoFrame]:
    """The frames that begin in the interval; if there are none, the one that is on screen when it starts."""
    before: VideoFrame | None = None
    found = False
    for time, frame in _frames(file, interval.start, tick):
        if interval.holds(time):
            found = True
            yield frame
        elif time >= interval.end:
            break
        else:
            before = frame
    if not found and before is not None:
        yield before


def _frames(file: VideoFile, start: float, tick: Tick) -> Iterator[tuple[float, VideoFrame]]:
    """Decoded frames from a key frame before `start` on, in order of time.

    Damaged packets are skipped, and so are frames that come too late, as where two recordings were joined.
    """
    file.seek(start)
    context = file.stream.codec_context
    context.flush_buffers()
    # of a raw stream, whose frames are counted
    unit = 1 / Fraction(file.frame_rate or 25).limit_denominator(1001)
    count = 0
    last = -math.inf
    for packet in itertools.chain(file.packets(), [None]):
        tick()
        try:
            frames = context.decode(packet)
        except av.error.InvalidDataError:
            continue
        for frame in frames:
            if file.is_unstamped:
                frame.time_base, frame.pts = unit, count
            time = float(count * unit) if file.is_unstamped else file.frame_time(frame)
            count += 1
            if time is not None and time > last:
                last = time
                yield time, frame
