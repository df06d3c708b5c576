"""How far a video truly reaches, whatever its header states."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.cut_off import ends_early
from jepa_retrieval.media.video.packet_reader import PacketReader
from jepa_retrieval.media.video.video_file import VideoFile

_LOOK_BACK = 1.0  # seconds before the stated end where it is tried whether the file has them


@dataclass(frozen=True, slots=True)
class Extent:
    """How much of a video is there."""

    duration: float | None  # seconds; None for pictures
    partial: str | None = None  # what is missing up to the end that the header states; None if nothing is
    warnings: tuple[str, ...] = ()  # harmless problems, one sentence each


def read_extent(path: Path, *, on_tick: Callable[[], None]) -> Extent:
    """The duration of a video as reading it would find it; no picture is decoded.

    The header is believed where the last second that it states is there. Else, and where stamps may begin anew, all
    packets are read.

    Raises:
        UnreadableMediaError: the file cannot be opened, or reading fails.
    """
    if reader_of(path) != "video":
        from jepa_retrieval.media.pictures.picture_file import PictureFile

        with PictureFile(path, raw=reader_of(path) == "raw") as picture:
            return Extent(picture.info(on_tick=on_tick).duration)
    with VideoFile(path, threads=1) as file:
        stated = file.duration
        if stated is not None and not file.may_jump and _reaches(file, stated, on_tick):
            return Extent(stated)
    with VideoFile(path, threads=1) as file:
        reader, report = PacketReader(file, on_tick=on_tick), ReadReport()
        for _ in reader.packets():
            pass
        reader.write_report(report)
        return Extent(report.duration, "; ".join(report.partial) or None, tuple(report.warnings))


def _reaches(file: VideoFile, stated: float, on_tick: Callable[[], None]) -> bool:
    reader = PacketReader(file, start=max(0.0, stated - _LOOK_BACK), on_tick=on_tick)
    reached = 0.0
    for packet in reader.packets():
        reached = max(reached, file.packet_time(packet) or 0.0)
    return not ends_early(file, reached + file.frame_step)
