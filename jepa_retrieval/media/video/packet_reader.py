"""Reads the packets of a video in an interval, and reports its duration and damage from them."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import library_reason
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.cut_off import MIN_MISSING_SECONDS, cut_off_reason
from jepa_retrieval.media.video.key_packets import KeyPackets
from jepa_retrieval.media.video.transport_stream import bytes_without_sync, ends_within_packet
from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.packet import Packet

_MIN_LOST_BYTES, _MIN_LOST_SHARE = 1024, 1e-4  # of a transport stream; recorders begin within a packet
_MIN_READ_SHARE = 0.9  # of the bytes of a file up to its last packet


class PacketReader:
    """Reads packets in order of decoding, and notes how far they reach and what is missing.

    Args:
        file: the open video.
        start: seconds where reading starts: the key frame before.
        end: seconds where reading ends; infinity for the end of the video.
        key_gap: seconds. Of groups that last no longer the caller uses the key frame alone: of a file in a store
            other packets of such a group are not read.
        on_tick: called for every packet, so that the caller can show progress.
    """

    def __init__(
        self,
        file: VideoFile,
        *,
        start: float = 0.0,
        end: float = math.inf,
        key_gap: float = -1.0,
        on_tick: Callable[[], None] | None = None,
    ) -> None:
        self._file = file
        self._whole = start <= 0 and end == math.inf
        self._end = end
        self._on_tick = on_tick
        self._seen_end = 0.0  # seconds: the latest end of a packet or frame
        self._read_to = 0  # bytes of the file
        self._broke_off = False  # whether reading ended with an error
        self._last_due: float | None = None  # decoding time of the last packet
        self._damaged = 0  # packets that libav calls corrupt
        self._damaged_bytes = 0
        self._gaps = 0.0  # seconds between packets, beyond the usual
        self._keys = KeyPackets.of(file, start=start, end=end, key_gap=key_gap)
        if start > 0 and self._keys is None:
            file.seek(start)

    @property
    def seen_end(self) -> float:
        """Seconds up to the end of the last picture that was read."""
        return self._seen_end

    @property
    def reached(self) -> float:
        """Seconds that the video has, as far as is known."""
        return max(self._seen_end, self._file.duration or 0.0)

    def read_all(self, time: float) -> None:
        """Go back to the key frame before `time`, seconds, and leave out no packet from there on."""
        self._keys = None
        self._file.seek(time)

    def packets(self) -> Iterator[Packet]:
        """The packets from where the file stands to where reading ends.

        Raises:
            UnreadableMediaError: reading failed.
        """
        try:
            for packet in (self._file if self._keys is None else self._keys).packets():
                if self._on_tick is not None:
                    self._on_tick()
                due = self._file.packet_time(packet) if packet.is_keyframe else self._file.decode_time(packet)
                if due is not None and due > self._end:
                    return  # whatever follows is later still
                self._note(packet)
                yield packet
        except av.error.InvalidDataError:
            self._broke_off = True
        except av.error.FFmpegError as error:
            raise UnreadableMediaError(self._file.path, library_reason(error)) from error

    def _note(self, packet: Packet) -> None:
        step = (packet.duration or 0) * self._file.time_base or self._file.frame_step
        time = self._file.packet_time(packet)
        if time is not None:
            self.note_end(time + step)
        if packet.pos is not None:
            self._read_to = packet.pos + packet.size
        if packet.is_corrupt:
            self._damaged += 1
            self._damaged_bytes += packet.size
        due = self._file.decode_time(packet)
        before = None if self._keys is not None else self._last_due  # packets are left out on purpose there
        if due is not None and before is not None and due - before > MIN_MISSING_SECONDS:
            self._gaps += due - before - step
        self._last_due = due

    def note_end(self, time: float) -> None:
        """Note that the video lasts until `time`, seconds, at least."""
        self._seen_end = max(self._seen_end, time)

    def write_report(self, report: ReadReport, *, decoding_errors: int = 0) -> None:
        """Report how long the video is and what of it could not be read.

        Args:
            report: to be written to.
            decoding_errors: packets that could not be decoded.
        """
        if self._end == math.inf:
            cut = cut_off_reason(self._file, self._seen_end, on_tick=self._on_tick)
            report.duration = self._seen_end if cut else max(self._seen_end, self._played_end())
            if cut:
                report.partial.append(cut)
            elif self._broke_off and not self._file.picture_end:
                report.partial.append(f"is damaged: only {self._seen_end:.1f} seconds could be read")
        else:
            report.duration = self._file.duration or self._seen_end
        if self._damaged and self._gaps > MIN_MISSING_SECONDS:
            report.partial.append(f"is damaged: {self._gaps:.1f} seconds in the middle are missing")
        share = self._damaged_bytes / max(1, self._file.container.size)
        if not report.partial and share > 1 - _MIN_READ_SHARE:  # a wrong size swallows what follows
            report.partial.append(f"is damaged: {share:.0%} of the file lies in packets that are not whole")
        errors = max(decoding_errors, self._damaged)
        if decoding_errors * self._file.frame_step > MIN_MISSING_SECONDS:
            report.partial.append(f"is damaged: {decoding_errors} frames could not be decoded")
        elif errors:
            report.warnings.append(f"{'1 packet is' if errors == 1 else f'{errors} packets are'} damaged")
        if self._whole and self._file.container.format.name == "mpegts":
            self._check_transport_stream(report)
        if self._whole and self._file.container.format.name == "flv":
            self._check_rest(report)

    def _played_end(self) -> float:
        """Where sound ends that goes on well after the pictures, in a file that is not cut off; 0 without such."""
        header = self._file.picture_end
        if header and not self._file.states_own_duration and not self._file.clock_jumps:
            return header if header - self._seen_end > MIN_MISSING_SECONDS else 0.0
        return self._file.sound_end or 0.0

    def _check_rest(self, report: ReadReport) -> None:
        """Report if a large part of the file was not reached; its format has no index at the end."""
        share = self._read_to / max(1, self._file.container.size)
        later = self._seen_end + MIN_MISSING_SECONDS
        if share < _MIN_READ_SHARE and not self._file.other_streams_reach(later, on_tick=self._on_tick):
            report.partial.append(f"is damaged: only {share:.0%} of the file could be read")

    def _check_transport_stream(self, report: ReadReport) -> None:
        lost, size = bytes_without_sync(self._file.path, on_tick=self._on_tick)
        if lost > max(_MIN_LOST_BYTES, _MIN_LOST_SHARE * size):
            share = max(lost / size, 0.001)
            report.partial.append(f"is damaged: {share:.1%} of its transport stream has no sync bytes")
        elif not report.partial and ends_within_packet(self._file.path):
            report.warnings.append("ends within a packet: it may have been cut off")
