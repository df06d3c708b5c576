"""How far a video truly reaches, whatever its header states."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.reasons import ONLY_SOUND
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.cut_off import ends_early
from jepa_retrieval.media.video.packet_reader import PacketReader
from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.packet import Packet

_LOOK_BACK = 1.0  # seconds before the stated end where it is tried whether the file has them
_ROUNDING = 1e-3  # seconds; headers round durations


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a video is there."""

    duration: float | None  # seconds; None for pictures
    picture_end: float | None = None  # seconds up to the end of the last picture; sound may go on
    partial: str | None = None  # what is missing up to the end that the header states; None if nothing is
    warnings: tuple[str, ...] = ()  # harmless problems, one sentence each


def read_extent(path: Path, needed: float = 0.0, *, on_tick: Callable[[], None]) -> Extent:
    """The duration of a video as indexing finds it.

    The header is believed where the last second that it states is there. Else, and where stamps may begin anew, all
    packets are read. Of a stream without stamps, all pictures are decoded, to count them.

    Args:
        path: the video.
        needed: seconds; a header that states less is not believed.
        on_tick: called often.

    Raises:
        UnreadableMediaError: the file cannot be opened, or reading fails.
    """
    if reader_of(path) != "video":
        from jepa_retrieval.media.pictures.picture_file import PictureFile

        with PictureFile(path, raw=reader_of(path) == "raw") as picture:
            duration = picture.info(on_tick=on_tick).duration
            return Extent(duration, duration)
    with VideoFile(path, threads=1) as file:
        stated = None if file.may_jump or file.is_unstamped else file.duration
        if stated is not None and needed <= stated + _ROUNDING and _reaches(file, stated, on_tick):
            return Extent(stated, file.picture_end)
    with VideoFile(path) as file:
        reader, report = PacketReader(file, on_tick=on_tick), ReadReport()
        frames = 0
        for packet in itertools.chain(reader.packets(), [None]):
            if file.is_unstamped:
                frames += _frames_of(file, packet)
                reader.note_end(frames * file.frame_step)
        reader.write_report(report)
        partial = "; ".join(report.partial) or None
        return Extent(report.duration, reader.seen_end, partial, tuple(report.warnings))


def read_end(path: Path, *, on_tick: Callable[[], None]) -> float | None:
    """Seconds that a player plays a video, or a file with sound only, for; None for pictures, and if it is not known.

    Raises:
        UnreadableMediaError: as `read_extent`, or as `read_sound_timing`.
    """
    try:
        return read_extent(path, on_tick=on_tick).duration or None
    except UnreadableMediaError as error:
        if error.reason != ONLY_SOUND:
            raise
    from jepa_retrieval.media.sound.describing import read_sound_timing

    return read_sound_timing(path, on_tick=on_tick).seconds or None


def read_missing(path: Path, *, on_tick: Callable[[], None]) -> str | None:
    """What a video, or a file with sound only, lacks up to the end that its header states; None if nothing.

    Raises:
        UnreadableMediaError: as `read_extent`, or as `read_sound_extent`.
    """
    try:
        return read_extent(path, on_tick=on_tick).partial
    except UnreadableMediaError as error:
        if error.reason != ONLY_SOUND:
            raise
    from jepa_retrieval.media.sound.describing import read_sound_extent

    report = ReadReport()
    read_sound_extent(path, report, on_tick=on_tick)
    return "; ".join(report.partial) or None


def _frames_of(file: VideoFile, packet: Packet | None) -> int:
    """How many frames the decoder gives for a packet, or at the end; none for damage."""
    try:
        return len(file.stream.codec_context.decode(packet))
    except av.error.MemoryError:
        raise
    except av.error.FFmpegError:
        return 0


def _reaches(file: VideoFile, stated: float, on_tick: Callable[[], None]) -> bool:
    reader = PacketReader(file, start=max(0.0, stated - _LOOK_BACK), on_tick=on_tick)
    reached = 0.0
    for packet in reader.packets():
        reached = max(reached, file.packet_time(packet) or 0.0)
    return not ends_early(file, reached + file.frame_step)
