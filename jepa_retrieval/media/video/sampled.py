"""Reads sampled frames of a video with libav, decoding as little as the sampling allows.

Key frames of short groups are decoded by themselves, and only where they are wanted. Of longer groups every packet is
fed to the decoder, which leaves out frames that are neither wanted nor referred to. One pass over the file.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import av

from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.media.video.frame_choice import FrameChooser, Step
from jepa_retrieval.media.video.keyframes import FalseKeyFrameError, KeyFrameDecoders
from jepa_retrieval.media.video.packet_reader import PacketReader
from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.video.frame import VideoFrame


class SampledVideo:
    """The frames of one open video that a sampling plan asks for.

    Args:
        file: the open video.
        plan: what to sample.
        start: seconds where reading starts; slots are counted from here.
        end: seconds where reading ends, or None for the end of the video.
        image_size: pixels that both sides will be scaled to.
        report: gets the duration and warnings.
        on_tick: called for every packet, so that the caller can show progress.
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
        self._reader = PacketReader(
            file, start=self._start, end=self._end, key_gap=plan.key_gap, on_tick=on_tick
        )
        self._context = file.stream.codec_context
        smaller_side = min(self._context.width, self._context.height)
        self._keys = KeyFrameDecoders(file.path, deblock=smaller_side < 2 * image_size)
        self._fresh = True  # whether the decoder has seen nothing since it was last reset
        self._errors = 0

    def frames(self) -> Iterator[tuple[float, VideoFrame]]:
        """Yield (presentation time, frame) in order of time.

        If the interval asked for holds no frame of its own, the one that is on screen then is yielded with its own
        time.
        """
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
            self._reader.write_report(self._report, decoding_errors=self._errors + self._keys.errors)

    def _restart_without_keys(self, time: float) -> None:
        """Go back to `time` and decode everything from there.

        Some muxers mark all packets as key frames, and streams with intra refresh have none that stands alone.
        """
        self._plan = replace(self._plan, key_gap=-1.0, keys_only=False)
        self._keys.close()
        self._context.flush_buffers()
        self._fresh = True
        self._reader.read_all(time)

    def _sample(self) -> Iterator[tuple[float, VideoFrame]]:
        picker: SlotPicker[VideoFrame] = SlotPicker(self._plan, self._start)
        on_screen: tuple[float, VideoFrame] | None = None
        found = False
        step = self._file.frame_step
        for number, frame in enumerate(self._decoded()):
            stamp = self._file.frame_time(frame)
            if stamp is None:  # a raw stream: its frames are counted
                time = number * step
                self._reader.note_end(time + step)
                if self._plan.keys_only and not frame.key_frame:
                    continue
            else:
                time = stamp
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
        if last is None and not found and self._start < self._reader.reached:
            last = on_screen
        if last is not None:
            yield last

    def _decoded(self) -> Iterator[VideoFrame]:
        """All frames that are decoded, in order of time."""
        chooser = FrameChooser(self._file, self._plan, start=self._start, end=self._end)
        for step in chooser.steps(self._reader.packets()):
            if step.alone:
                yield from self._drain()
                yield from self._keys.decode(step.packet)
            else:
                yield from self._decode(step)
        yield from self._keys.finish()
        yield from self._drain()

    def _decode(self, step: Step) -> Iterator[VideoFrame]:
        """Feed the decoder a packet that the ones before it belong to."""
        if step.fresh:
            yield from self._keys.finish()
            yield from self._drain()
        self._fresh = False
        self._context.skip_frame = "DEFAULT" if step.wanted else "NONREF"
        try:
            yield from self._context.decode(step.packet)
        except av.error.MemoryError:
            raise
        except av.error.FFmpegError:
            self._errors += 1

    def _drain(self) -> Iterator[VideoFrame]:
        """Get the frames out that the decoder still holds, and reset it."""
        if self._fresh:
            return
        try:
            yield from self._context.decode(None)
        except av.error.FFmpegError:
            self._errors += 1
        self._context.flush_buffers()
        self._fresh = True
