"""Reads sampled frames of a video with libav, decoding as little as the sampling allows.

Packets come in groups (GOPs) that begin with a key frame. A group that is shorter than the plan's `key_gap` is
decoded at its key frame alone; of a longer one every packet is decoded, frames that nothing refers to left out where
the frame rate allows it. Whether a group is short is known once the next key frame arrives, so its packets are held
back until then, for `key_gap` seconds of video at most: one pass over the file, memory independent of its length.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import MAX_UNDECIDED_BYTES
from jepa_retrieval.media.reasons import library_reason
from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.container import VideoFile
from jepa_retrieval.media.video.keyframes import FalseKeyFrameError, KeyFrameDecoders

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

_LEAST_CUT = 1.0  # seconds that must be missing at the end before a file is called cut off


class SampledVideo:
    """The frames of one open video that a sampling plan asks for.

    Args:
        file: the open video.
        plan: what to sample.
        start: seconds where reading starts; slots are counted from here.
        end: seconds where reading ends, or None for the end of the video.
        image_size: pixels that both sides will be scaled to.
        report: gets the duration and warnings.
        on_tick: called for every packet, so that a long decode can show that it is alive.
    """

    def __init__(
        self,
        file: VideoFile,
        plan: SamplingPlan,
        *,
        start: float | None = None,
        end: float | None = None,
        image_size: int,
        report: ReadReport,
        on_tick: Callable[[], None] | None = None,
    ) -> None:
        self._file = file
        self._plan = plan
        self._start = start or 0.0
        self._end = math.inf if end is None else end
        self._report = report
        self._on_tick = on_tick
        self._context = file.stream.codec_context
        smaller_side = min(self._context.width, self._context.height)
        self._keys = KeyFrameDecoders(file.path, deblock=smaller_side < 2 * image_size)
        self._whole_slot: int | None = None  # slot of the last frame of the groups that are decoded whole
        self._skipping = False  # whether frames that nothing refers to are left out
        self._fresh = True  # whether the decoder has seen nothing since it was last reset
        self._leading_before: int | None = None  # packets before this pts refer to frames not decoded
        self._last_key_slot: int | None = None
        self._errors = 0
        self._seen_end = 0.0  # seconds: the latest end of a packet

    def frames(self) -> Iterator[tuple[float, VideoFrame]]:
        """Yield (presentation time, frame) in order of time.

        If the part asked for holds no frame of its own, the one that is on screen then is yielded with its own time.
        """
        if self._start > 0:
            self._file.seek(self._start)
        last_slot, last_time = -1, self._start
        try:
            try:
                for time, frame in self._sample():
                    last_slot, last_time = self._plan.slot(time, self._start), time
                    yield time, frame
            except FalseKeyFrameError:
                self._restart_without_keys(last_time)
                for time, frame in self._sample():
                    if self._plan.slot(time, self._start) > last_slot:
                        yield time, frame
        finally:
            self._keys.close()
            self._write_report()

    def _restart_without_keys(self, time: float) -> None:
        """Go back to `time` and decode everything from there.

        Some muxers mark all packets as key frames, and streams with intra refresh have none that stands alone.
        """
        self._plan = replace(self._plan, key_gap=-1.0, keys_only=False)
        self._keys.close()
        self._context.flush_buffers()
        self._fresh = True
        self._file.seek(time)

    def _sample(self) -> Iterator[tuple[float, VideoFrame]]:
        picker: SlotPicker[VideoFrame] = SlotPicker(self._plan, self._start)
        self._set_skipping(allowed=True)
        on_screen: tuple[float, VideoFrame] | None = None
        found = False
        step = 1.0 / (self._file.frame_rate or 25.0)
        time = self._start - step
        for frame in self._decoded():
            stamp = self._file.frame_time(frame)
            time = time + step if stamp is None else stamp
            if time < self._start:
                on_screen = (time, frame)
                continue
            if time >= self._end:
                break
            chosen = picker.offer(time, frame, damaged=frame.is_corrupt)
            if chosen is not None:
                found = True
                yield chosen
        last = picker.close()
        if last is None and not found and self._start < max(self._seen_end, self._file.duration or 0.0):
            last = on_screen
        if last is not None:
            yield last

    def _decoded(self) -> Iterator[VideoFrame]:
        """All frames that are decoded, in order of time."""
        group: list[Packet] = []  # from a key frame on: held back until it is known to be short or long
        size = 0
        for packet in self._packets():
            if packet.is_keyframe and self._plan.keys_only:
                yield from self._decode_key(packet)
            elif self._plan.keys_only:
                continue
            elif packet.is_keyframe and self._plan.key_gap >= 0:
                if group:
                    yield from self._decode_key(group[0])
                group, size = [packet], packet.size
            elif group:
                group.append(packet)
                size += packet.size
                if size > MAX_UNDECIDED_BYTES or self._gap(group) > self._plan.key_gap:
                    yield from self._decode_group(group)
                    group = []
            else:
                yield from self._decode(packet)
        if group:  # it has no successor to measure it by, and may be the whole video
            yield from self._decode_group(group)
        yield from self._keys.finish()
        yield from self._drain()

    def _packets(self) -> Iterator[Packet]:
        """The packets up to where reading ends; notes how far they reach."""
        try:
            for packet in self._file.packets():
                if self._on_tick is not None:
                    self._on_tick()
                stamp = packet.pts if packet.is_keyframe else packet.dts
                if stamp is not None and stamp * self._file.time_base - self._file.origin > self._end:
                    return  # whatever follows is later still
                time = self._file.packet_time(packet)
                if time is not None:
                    length = (packet.duration or 0) * self._file.time_base
                    self._seen_end = max(self._seen_end, time + length)
                yield packet
        except av.error.InvalidDataError:
            self._errors += 1
        except av.error.FFmpegError as error:
            raise UnreadableMediaError(self._file.path, library_reason(error)) from error

    def _gap(self, group: list[Packet]) -> float:
        """Seconds from the key frame to the newest packet of its group."""
        first, last = self._file.packet_time(group[0]), self._file.packet_time(group[-1])
        return math.inf if first is None or last is None else last - first

    def _decode_key(self, packet: Packet) -> Iterator[VideoFrame]:
        """Decode a key frame alone, unless its slot already has one."""
        time = self._file.packet_time(packet)
        if time is not None:
            slot = self._plan.slot(time, self._start)
            if slot == self._last_key_slot:
                return
            self._last_key_slot = slot
        yield from self._drain()
        yield from self._keys.decode(packet)

    def _decode_group(self, group: list[Packet]) -> Iterator[VideoFrame]:
        """Decode every packet of a group."""
        yield from self._keys.finish()
        if self._fresh:
            self._leading_before, self._whole_slot = group[0].pts, None
        else:
            self._leading_before = None
        for packet in group:
            yield from self._decode(packet)

    def _decode(self, packet: Packet) -> Iterator[VideoFrame]:
        if self._leading_before is not None and packet.pts is not None and packet.pts < self._leading_before:
            return
        self._fresh = False
        try:
            frames = self._context.decode(packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            self._errors += 1
            return
        yield from self._watched(frames)

    def _watched(self, frames: list[VideoFrame]) -> Iterator[VideoFrame]:
        """Pass frames of a whole group on; if a slot goes without, stop leaving out frames."""
        for frame in frames:
            time = self._file.frame_time(frame)
            if self._skipping and time is not None:
                slot = self._plan.slot(time, self._start)
                if self._whole_slot is not None and slot > self._whole_slot + 1:
                    self._set_skipping(
                        allowed=False
                    )  # reference frames are too far apart to do without others
                self._whole_slot = slot
            yield frame

    def _drain(self) -> Iterator[VideoFrame]:
        """Get the frames out that the decoder still holds, and reset it."""
        if self._fresh:
            return
        try:
            frames = self._context.decode(None)
        except av.error.FFmpegError:
            self._errors += 1
            frames = []
        yield from self._watched(frames)
        self._context.flush_buffers()
        self._fresh = True

    def _set_skipping(self, *, allowed: bool) -> None:
        self._skipping = allowed and self._plan.may_skip_unreferenced(self._file.frame_rate)
        self._context.skip_frame = "NONREF" if self._skipping else "DEFAULT"

    def _write_report(self) -> None:
        """Say how far the video reaches and what of it could not be read."""
        header = self._file.duration
        self._report.duration = self._seen_end if self._end == math.inf else header or self._seen_end
        if errors := self._errors + self._keys.errors:
            what = "1 packet" if errors == 1 else f"{errors} packets"
            self._report.warnings.append(f"{what} could not be decoded")
        if self._end == math.inf and header and self._file.stream.duration:
            missing = header - self._seen_end
            if missing > max(_LEAST_CUT, 0.02 * header):
                self._report.warnings.append(
                    f"is cut off: {self._seen_end:.1f} of {header:.1f} seconds are there"
                )
