"""The exact frame rate of a video and the time of its first picture: what frame numbers are counted by."""

from __future__ import annotations

import itertools
import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from jepa_retrieval.media.video.frames import Appearance
from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.container import InputContainer

NTSC = 1001
STANDARD_RATES = tuple(
    sorted(
        [Fraction(whole) for whole in (24, 25, 30, 48, 50, 60, 100, 120, 240)]
        + [Fraction(whole * 1000, NTSC) for whole in (24, 30, 48, 60, 120, 240)]
    )
)
"""Frames per second that cameras and editing programs use."""

FRAME_TOLERANCE = 0.05
"""Share of a frame by which a time may miss a frame: stored times are rounded."""

_SAME_RATE = 4e-4  # relative; 24 and 23.976 are 1e-3 apart
_MAX_PACKETS = 1000  # that are looked at
_REORDERED = 32  # of them, at the end, whose neighbours may still follow
_MAX_OFF_GRID = 0.05  # share of a frame by which the stamp of a frame may miss the grid of a constant rate
_MAX_MEAN_STEP = 1.5  # frames; a grid of which fewer places are used is no frame rate
_TIMECODE = re.compile(r"\d\d:\d\d:\d\d[:;.]\d\d\d?")


@dataclass(frozen=True, slots=True)
class Sound:
    """The sound of a video."""

    rate: int  # samples per second
    channels: int


@dataclass(frozen=True, slots=True)
class VideoTiming:
    """How the frames of a video are counted: frame n is shown from `first + n / rate` on.

    Attributes:
        rate: frames per second, exact. Of a variable frame rate the usual rate nearest to its median: editing
            programs give such files a constant rate.
        is_constant: whether the frames lie on the grid of `rate`.
        first: when the first picture is shown, seconds of presentation time.
        frames: how many there are; None if the header does not say how long they last. See `with_end`.
        timecode: of the first frame, as recorded by the camera: "10:00:00:00", with ";" before the frames if it
            drops numbers; None if there is none.
        width: as shown, pixels.
        height: as shown, pixels.
        sound: None without.
    """

    rate: Fraction
    is_constant: bool
    first: float
    frames: int | None
    timecode: str | None
    width: int
    height: int
    sound: Sound | None

    def with_end(self, picture_end: float | None) -> VideoTiming:
        """The same with as many frames as begin before `picture_end`, seconds; unchanged for None or 0."""
        if not picture_end:
            return self
        return replace(self, frames=max(1, round((picture_end - self.first) * float(self.rate))))

    def frame_range(self, start: float, end: float) -> tuple[int, int]:
        """The frames that begin in an interval, as first and last + 1; at least one.

        Args:
            start: seconds of presentation time.
            end: likewise.
        """
        last = math.inf if self.frames is None else self.frames
        first = max(0, min(self._frame_from(start), last - 1))
        return int(first), int(max(first + 1, min(self._frame_from(end), last)))

    def _frame_from(self, seconds: float) -> int:
        """The first frame that is shown at `seconds` or later."""
        return math.ceil((seconds - self.first) * float(self.rate) - FRAME_TOLERANCE)


def read_timing(path: Path, *, on_tick: Callable[[], None] | None = None) -> VideoTiming:
    """Read the timing of a video from its header and first packets.

    Raises:
        UnreadableMediaError: the file cannot be read as a video.
    """
    with VideoFile(path, threads=1) as file:
        shown = Appearance.of(file, file.first_frame())
    if on_tick is not None:
        on_tick()
    with VideoFile(path, threads=1) as file:
        sound = _sound(file.container)
        timecode = _timecode(file)
        times = _first_times(file)
        rates = [file.stream.average_rate, file.stream.guessed_rate, file.stream.base_rate]
        if file.is_unstamped or len(times) < 2:
            rate, constant = standard_rate(Fraction(file.frame_rate or 25).limit_denominator(NTSC)), True
        else:
            rate, constant = rate_of(times, [rate for rate in rates if rate], tick=file.time_base)
        first = times[0] if times else 0.0
        timing = VideoTiming(rate, constant, first, None, timecode, shown.width, shown.height, sound)
        return timing.with_end(file.picture_end)


def rate_of(times: Sequence[float], stated: Sequence[Fraction], *, tick: float) -> tuple[Fraction, bool]:
    """The frame rate of presentation times, and whether it is constant.

    Args:
        times: seconds, in order, at least two.
        stated: rates that the header states.
        tick: seconds by which stamps may be rounded.
    """
    step = median(later - earlier for earlier, later in itertools.pairwise(times))
    usual = Fraction(1.0 / step) if step > 0 else Fraction(25)
    nearest = min(STANDARD_RATES, key=lambda rate: abs(math.log(rate / usual)))
    mean = Fraction((len(times) - 1) / (times[-1] - times[0]))
    for rate in [*map(standard_rate, [*stated, mean]), *stated, nearest]:
        if _on_grid(times, rate, tick):
            return rate, True
    return nearest, False


def standard_rate(rate: Fraction) -> Fraction:
    """The standard rate that a measured one means; the rate itself if there is none."""
    nearest = min(STANDARD_RATES, key=lambda standard: abs(standard - rate))
    return nearest if abs(nearest / rate - 1) < _SAME_RATE else rate


def _on_grid(times: Sequence[float], rate: Fraction, tick: float) -> bool:
    places = [(time - times[0]) * float(rate) for time in times]
    allowed = max(_MAX_OFF_GRID, tick * float(rate))
    numbers = [round(place) for place in places]
    if any(abs(place - number) > allowed for place, number in zip(places, numbers, strict=True)):
        return False
    steps = [later - earlier for earlier, later in itertools.pairwise(numbers)]
    return min(steps) > 0 and sum(steps) / len(steps) < _MAX_MEAN_STEP


def _first_times(file: VideoFile) -> list[float]:
    """Presentation times from the first key frame on, in order, of as many frames as tell the rate."""
    packets = [packet for packet in itertools.islice(file.packets(), _MAX_PACKETS) if not packet.is_discard]
    found = [(file.packet_time(packet), packet.is_keyframe) for packet in packets]
    keys = [time for time, is_key in found if is_key and time is not None]
    times = sorted({time for time, _ in found if time is not None})
    if len(packets) == _MAX_PACKETS:
        times = times[:-_REORDERED]
    return [time for time in times if not keys or time >= keys[0]]


def _sound(container: InputContainer) -> Sound | None:
    for stream in container.streams.audio:
        context = stream.codec_context
        if context is not None and context.sample_rate and context.channels:
            return Sound(context.sample_rate, context.channels)
    return None


def _timecode(file: VideoFile) -> str | None:
    for place in (file.stream, file.container, *file.container.streams):
        text = place.metadata.get("timecode", "")
        if _TIMECODE.fullmatch(text):
            return text
    return None
