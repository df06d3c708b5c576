"""Files with sound only: what their headers say, and how far they truly reach. No sound is decoded.

Called in worker processes: a damaged file can do no harm there.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import MAX_DURATION
from jepa_retrieval.media.reasons import HOLDS_NO_SOUND, NO_SOUND, damaged_from, sound_reason
from jepa_retrieval.media.sound.data_chunk import data_chunk
from jepa_retrieval.media.types import MediaInfo, ReadReport
from jepa_retrieval.media.video.cut_off import is_cut_off
from jepa_retrieval.media.video.origin import clock_origin, stated_length
from jepa_retrieval.media.video.sound_clock import sound_packets
from jepa_retrieval.media.video.timing import Sound
from jepa_retrieval.media.video.video_file import first_sound, open_container

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

# Containers whose header states how long the sound is; for others, such as MP3, libav may only estimate it.
_STATED = (
    "mov,mp4,m4a,3gp,3g2,mj2",
    "matroska,webm",
    "flac",
    "aiff",
    "asf",
    "au",
    "ape",
    "wv",
    "tta",
)
# Where libav states what is left, and not what the header says.
_CUT_SILENTLY = ("wav", "w64", "caf")
# A size is exact, unlike a time. Some programs count a few bytes of the header too.
_SIZE_TOLERANCE = 0.1  # seconds


def describe_sound(path: Path, *, on_tick: Callable[[], None] | None = None) -> MediaInfo:
    """What the header of a file with sound only says. `on_tick` is not called: it is quick.

    Raises:
        UnreadableMediaError: it cannot be opened, or has no sound that can be decoded.
    """
    with open_container(path) as container:
        stream = _sound_of(path, container)
        codec = stream.codec_context.codec.canonical_name
        return MediaInfo("audio", _stated_seconds(container), 0, 0, None, codec=codec)


@dataclass(frozen=True, slots=True)
class SoundTiming:
    """How long the sound of a file lasts, and its form."""

    seconds: float  # to the end of its last packet, or as the header states
    sound: Sound


def read_sound_timing(path: Path, needed: float = 0.0, *, on_tick: Callable[[], None]) -> SoundTiming:
    """The same of a file with sound only.

    Args:
        path: the file.
        needed: seconds; where the header states less, or nothing, all packets are read.
        on_tick: called for every packet.

    Raises:
        UnreadableMediaError: as in `read_sound_extent`.
    """
    with open_container(path) as container:
        context = _sound_of(path, container).codec_context
        sound = Sound(context.sample_rate, context.channels)
        stated = _stated_seconds(container)
    if stated is not None and needed <= stated:
        return SoundTiming(stated, sound)
    report = ReadReport()
    read_sound_extent(path, report, on_tick=on_tick)
    return SoundTiming(max(report.duration or 0.0, 0.0), sound)


def read_sound_extent(path: Path, report: ReadReport, *, on_tick: Callable[[], None]) -> None:
    """Set the duration in `report` to where the last packet of sound ends, and say if the header states more.

    Raises:
        UnreadableMediaError: the file cannot be read, or holds nothing of its sound.
    """
    with open_container(path) as container:
        stream = _sound_of(path, container)
        end, sure, broken = _last_end(container, stream, on_tick)
        if end <= 0:
            raise UnreadableMediaError(path, HOLDS_NO_SOUND if broken is None else sound_reason(broken))
        report.duration = end
        if broken is not None:
            report.partial.append(damaged_from(sure))
            return
        stated = _stated_seconds(container) if container.format.name in _STATED else None
        cut = stated is not None and is_cut_off(end, stated)
        if container.format.name in _CUT_SILENTLY:
            stated = _seconds_of_data(path, end)
            cut = stated is not None and stated - end > _SIZE_TOLERANCE
        if cut:
            report.partial.append(f"is cut off: {end:.1f} of {stated:.1f} seconds are there")


def _last_end(
    container: InputContainer, stream: AudioStream, on_tick: Callable[[], None]
) -> tuple[float, float, av.error.FFmpegError | None]:
    """Where the last packet ends and begins, in seconds of presentation time; the error behind it, if there is one.

    If there is, the last packet is probably damaged, too.
    """
    base = float(stream.time_base or 0)
    origin = clock_origin(container, None)
    begin, end, broken = 0.0, 0.0, None
    try:
        for packet in sound_packets(container, stream):
            on_tick()
            if packet.pts is not None and packet.size:
                begin = packet.pts * base - origin
                end = max(end, begin + (packet.duration or 0) * base)
    except av.error.FFmpegError as error:
        broken = error
    return (end if end < MAX_DURATION else 0.0), max(0.0, begin), broken


def _seconds_of_data(path: Path, end: float) -> float | None:
    """How long the sound is by the size that the header states; `end`: as far as it is there."""
    try:
        data = data_chunk(path)
    except OSError:
        return None
    return None if data is None or data.there <= 0 else end * data.stated / data.there


def _stated_seconds(container: InputContainer) -> float | None:
    seconds = stated_length(container, clock_origin(container, None)) or 0.0
    return seconds if math.isfinite(seconds) and 0 < seconds < MAX_DURATION else None


def _sound_of(path: Path, container: InputContainer) -> AudioStream:
    stream = first_sound(container)
    if stream is None:
        raise UnreadableMediaError(path, NO_SOUND)
    return stream
