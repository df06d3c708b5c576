"""The packets of a video in a range of time, and what can be told of the video from them alone."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import library_reason
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.container import VideoFile

if TYPE_CHECKING:
    from av.packet import Packet

_MIN_CUT_SECONDS = 1.0  # that must be missing at the end before a file is called cut off
_MIN_CUT_SHARE = 0.02  # of the duration that must be missing too


class PacketReader:
    """Reads packets in order of decoding, and notes how far they reach.

    Args:
        file: the open video.
        start: seconds where reading starts: the key frame before.
        end: seconds where reading ends; infinity for the end of the video.
        on_tick: called for every packet, so that a long read can show that it is alive.
    """

    def __init__(
        self,
        file: VideoFile,
        *,
        start: float = 0.0,
        end: float = math.inf,
        on_tick: Callable[[], None] | None = None,
    ) -> None:
        self._file = file
        self._end = end
        self._on_tick = on_tick
        self._seen_end = 0.0  # seconds: the latest end of a packet
        self.errors = 0  # packets that could not be read
        if start > 0:
            file.seek(start)

    @property
    def reached(self) -> float:
        """Seconds that the video has, as far as is known."""
        return max(self._seen_end, self._file.duration or 0.0)

    def packets(self) -> Iterator[Packet]:
        """The packets from where the file stands to where reading ends.

        Raises:
            UnreadableMediaError: reading failed.
        """
        try:
            for packet in self._file.packets():
                if self._on_tick is not None:
                    self._on_tick()
                due = self._file.packet_time(packet) if packet.is_keyframe else self._file.decode_time(packet)
                if due is not None and due > self._end:
                    return  # whatever follows is later still
                time = self._file.packet_time(packet)
                if time is not None:
                    length = (packet.duration or 0) * self._file.time_base
                    self._seen_end = max(self._seen_end, time + length)
                yield packet
        except av.error.InvalidDataError:
            self.errors += 1
        except av.error.FFmpegError as error:
            raise UnreadableMediaError(self._file.path, library_reason(error)) from error

    def write_report(self, report: ReadReport, *, decoding_errors: int = 0) -> None:
        """Say how far the video reaches and what of it could not be read."""
        header = self._file.duration
        to_the_end = self._end == math.inf
        report.duration = self._seen_end if to_the_end else header or self._seen_end
        if errors := self.errors + decoding_errors:
            what = "1 packet" if errors == 1 else f"{errors} packets"
            report.warnings.append(f"{what} could not be decoded")
        if to_the_end and header and self._file.stream.duration:
            missing = header - self._seen_end
            if missing > max(_MIN_CUT_SECONDS, _MIN_CUT_SHARE * header):
                report.partial.append(f"is cut off: {self._seen_end:.1f} of {header:.1f} seconds are there")
