"""Watch a file, a network stream or a camera as windows that slide over it, for days if need be.

A thread reads and decodes, so that decoding and whatever is done with the windows run side by side. Nothing that a
source does ends a live stream: a lost connection is tried again, less and less often; damaged packets are left out;
a clock that jumps is set right. Memory does not grow with time.
"""

from __future__ import annotations

import logging
import math
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self

import av

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media.bounded_queue import StreamQueue
from jepa_retrieval.media.reasons import NO_FRAME
from jepa_retrieval.media.sampling import SamplingPlan, SlotPicker
from jepa_retrieval.media.streams.clock import StreamClock
from jepa_retrieval.media.streams.sliding import SlidingWindows
from jepa_retrieval.media.streams.source import StreamSource, known_length, stream_reason
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.video.frames import Squeezer, display_matrix, displayed_size

if TYPE_CHECKING:
    from av.packet import Packet
    from av.video.frame import VideoFrame

    from jepa_retrieval.media.video.container import Video

logger = logging.getLogger(__name__)

_QUEUE_WINDOWS = 48
_STAMPS_MAY_JUMP = 0x0200  # libav's AVFMT_TS_DISCONT
_MOST_ERRORS = 100  # in a row, without a packet between, until a file counts as unreadable from there on
_MISSING_SECONDS = 2.0  # a source of known length that ends this much too early has been cut off
_CAMERA_PAUSE = 0.005  # seconds until a camera without a new picture is asked again
_FORGET_LAG = 1e-3  # of the time that passes: more than a clock is wrong by, less than falling behind


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What to watch, and how.

    Attributes:
        source: where it comes from.
        image_size: side S of the square that whole pictures are squeezed to, pixels.
        rate: windows per second.
        frames_per_step: most frames between two windows' beginnings.
        reach: steps on each side of its own whose frames a window sees too.
        thumbnails: whether windows carry a JPEG.
        live: whether windows are dropped rather than fallen behind with; None: if the source has no end.
        timeout: seconds without an answer after which a connection counts as lost.
        first_delay: seconds until a lost connection is tried again; doubled every time, up to `most_delay`.
        most_delay: seconds between two attempts at most.
        give_up: seconds of vain attempts after which a lost source is given up.
        most_lag: seconds behind a live source from which on key frames alone are decoded.
    """

    source: StreamSource
    image_size: int
    rate: float = 2.0
    frames_per_step: int = 1
    reach: int = 0
    thumbnails: bool = False
    live: bool | None = None
    timeout: float = 10.0
    first_delay: float = 0.5
    most_delay: float = 30.0
    give_up: float = math.inf
    most_lag: float = 5.0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 60:
            raise UsageError(f"rate must be above 0 and at most 60 windows a second, not {self.rate:g}")
        for name in ("timeout", "first_delay", "most_delay", "give_up"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be seconds above 0, not {getattr(self, name):g}")


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection broke off; what follows comes after a gap."""

    reason: str  # a few words
    retry_in: float  # seconds


@dataclass(frozen=True, slots=True)
class Returned:
    """Pictures come again."""

    after: float  # seconds without


@dataclass(slots=True)
class StreamCounters:
    """What happened while reading; grows as the stream is read."""

    live: bool = False
    connections: int = 0
    damaged: int = 0  # packets that could not be read or decoded
    clock_jumps: int = 0
    dropped: int = 0  # windows that nobody had time for
    lag: float = 0.0  # seconds that the reader is behind a live source
    skipping: bool = False  # whether key frames alone are decoded, to catch up


StreamEvent = MediaWindow | Lost | Returned


class StreamReader:
    """Reads one stream in a thread of its own. Use as a context manager, and iterate once.

    Iterating raises UnreadableMediaError if the source cannot be opened at all, has no picture, or was given up.
    """

    def __init__(self, request: StreamRequest) -> None:
        self.counters = StreamCounters()
        self._request = request
        self._queue: StreamQueue[StreamEvent | BaseException | None] = StreamQueue(_QUEUE_WINDOWS)
        self._stop = threading.Event()
        self._clock: StreamClock | None = None
        self._windows = SlidingWindows(request.rate, reach=request.reach, thumbnails=request.thumbnails)
        self._plan = SamplingPlan(rate=request.rate * request.frames_per_step, key_gap=-1.0)
        self._lost_at: float | None = None  # wall clock
        self._behind = _Lag()
        self._thread = threading.Thread(target=self._run, name="stream", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading. A read that hangs ends by itself after the timeout."""
        self._stop.set()
        self._queue.close()
        self._thread.join(timeout=1.0)

    def __iter__(self) -> Iterator[StreamEvent]:
        while (event := self._queue.get()) is not None:
            if isinstance(event, BaseException):
                raise event
            yield event

    @property
    def waiting(self) -> int:
        """Windows that are ready to be taken."""
        return self._queue.waiting

    def _run(self) -> None:
        try:
            self._read_with_patience()
        except BaseException as error:  # whoever iterates must hear of it
            self._queue.put(error, droppable=False)
        finally:
            self._queue.put(None, droppable=False)

    def _read_with_patience(self) -> None:
        """Connect and read until the source has truly ended."""
        delay = self._request.first_delay
        while not self._stop.is_set():
            seen = self._clock.last if self._clock is not None else None
            try:
                if self._connect_and_read():
                    return
                reason = "the stream ended"
            except UnreadableMediaError as error:
                if self.counters.connections == 0 or self._request.source.kind == "file":
                    raise
                reason = error.reason
            if self._clock is not None and self._clock.last != seen:
                delay = self._request.first_delay  # there were pictures: begin with short delays again
            self._lose(reason, delay)
            self._stop.wait(delay)
            delay = min(2 * delay, self._request.most_delay)

    def _lose(self, reason: str, delay: float) -> None:
        """Deliver what is complete and tell of the loss, once; give up after long enough."""
        now = time.monotonic()
        if self._lost_at is None:
            self._lost_at = now
            self._finish_windows()
            self._queue.put(Lost(reason, delay), droppable=False)
        elif now - self._lost_at > self._request.give_up:
            name = self._request.source.name
            raise UnreadableMediaError(name, f"was given up after {now - self._lost_at:.0f} s: {reason}")
        logger.info("%s: %s; trying again in %.1f s", self._request.source.name, reason, delay)

    def _connect_and_read(self) -> bool:
        """Read one connection to its end; whether that is the end of the stream."""
        source = self._request.source
        with source.open(timeout=self._request.timeout) as video:
            self.counters.connections += 1
            length = known_length(video)
            resume = self._start_clock(video, length)
            if resume is not None:
                video.seek(resume)
            for stamp, frame in self._frames(video):
                if resume is not None and stamp is not None and stamp <= resume:
                    continue
                self._take(video, stamp, frame)
                if self._stop.is_set():
                    return True
        if self._clock is None or self._clock.last is None:
            raise UnreadableMediaError(source.name, NO_FRAME)
        self._take_last()
        if self.counters.live or (
            source.kind == "network" and length is not None and self._clock.last < length - _MISSING_SECONDS
        ):
            return False
        self._finish_windows()
        return True

    def _start_clock(self, video: Video, length: float | None) -> float | None:
        """Set the clock for a new connection; say where a source of known length is to go on."""
        self._squeezer: Squeezer | None = None
        self._picker: SlotPicker[VideoFrame] = SlotPicker(self._plan)
        self._behind = _Lag()
        self._slot = sys.maxsize  # of the last frame; none yet
        self._frame_step = 1 / (
            video.frame_rate or 25.0
        )  # seconds; the clock's is longer while frames are skipped
        if self._clock is None:
            kind = self._request.source.kind
            endless = kind == "camera" or (kind == "network" and length is None)
            live = endless if self._request.live is None else self._request.live
            self.counters.live = self._queue.drop = live
            jumps = live or bool(video.container.format.flags & _STAMPS_MAY_JUMP)
            self._clock = StreamClock(live=live, jumps_forward=jumps)
            return None
        self._clock.reconnected()
        return None if self.counters.live else self._clock.last

    def _frames(self, video: Video) -> Iterator[tuple[float | None, VideoFrame]]:
        """All frames that are decoded, with their stamps in seconds."""
        context = video.stream.codec_context
        if self._plan.may_skip_unreferenced(video.frame_rate):
            context.skip_frame = "NONREF"
        for packet in self._packets(video):
            try:
                frames = context.decode(packet)
            except av.error.MemoryError:
                raise
            except av.error.FFmpegError:
                self.counters.damaged += 1
                continue
            for frame in frames:
                yield video.frame_time(frame), frame

    def _packets(self, video: Video) -> Iterator[Packet | None]:
        """Packets to decode; at last None, which gets out what the decoder holds."""
        errors = 0
        while errors < _MOST_ERRORS:
            try:
                for packet in video.packets():
                    errors = 0
                    if not self._may_skip(packet):
                        yield packet
                break
            except av.error.MemoryError:
                raise
            except av.error.BlockingIOError:
                time.sleep(_CAMERA_PAUSE)
            except av.error.InvalidDataError:
                errors += 1
                self.counters.damaged += 1
            except (av.error.FFmpegError, OSError) as error:
                if self._request.source.kind == "file":
                    logger.info("%s: %s", self._request.source.name, error)
                    break
                yield None
                raise UnreadableMediaError(self._request.source.name, stream_reason(error)) from error
        yield None

    def _may_skip(self, packet: Packet) -> bool:
        """Whether to leave a packet out because reading has fallen behind a live source."""
        counters = self.counters
        if not counters.live:
            return False
        if not counters.skipping:
            counters.skipping = counters.lag > self._request.most_lag
        elif packet.is_keyframe and counters.lag < self._request.most_lag / 2:
            counters.skipping = False
        return counters.skipping and not packet.is_keyframe

    def _take(self, video: Video, stamp: float | None, frame: VideoFrame) -> None:
        """Take a decoded frame; deliver the windows that it completes."""
        assert self._clock is not None
        now = self._clock.time(stamp)
        self.counters.clock_jumps = self._clock.jumps
        if now is None:
            return
        if self.counters.live:
            self.counters.lag = self._behind.update(now)
        if self._lost_at is not None:
            self._queue.put(Returned(time.monotonic() - self._lost_at), droppable=False)
            self._lost_at = None
        if self._squeezer is None:
            matrix = display_matrix(frame)
            width, height = displayed_size(frame, matrix, video.pixel_aspect)
            self._aspect = width / height
            self._squeezer = Squeezer(self._request.image_size, matrix)
        slot = self._plan.slot(now)
        if slot > self._slot + 1:  # reference frames are too far apart to do without others
            video.stream.codec_context.skip_frame = "DEFAULT"
        self._slot = slot
        self._add(self._picker.offer(now, frame, damaged=frame.is_corrupt))

    def _add(self, chosen: tuple[float, VideoFrame] | None) -> None:
        """Deliver what the frame chosen for a slot completes."""
        if chosen is None or self._squeezer is None:
            return
        when, frame = chosen
        try:
            picture = self._squeezer(frame)
        except av.error.FFmpegError:
            self.counters.damaged += 1
            return
        for window in self._windows.add(when, picture, self._aspect):
            self._deliver(window)

    def _take_last(self) -> None:
        """Take the frame that the last slot has chosen so far."""
        self._add(self._picker.close())

    def _finish_windows(self) -> None:
        """Deliver what is left before a gap or the end."""
        assert self._clock is not None
        self._take_last()
        for window in self._windows.close(
            (self._clock.last or 0.0) + min(self._clock.step, self._frame_step)
        ):
            self._deliver(window)

    def _deliver(self, window: MediaWindow) -> None:
        self._queue.put(window)
        self.counters.dropped = self._queue.dropped


class _Lag:
    """How far reading is behind a live source: the delay of its frames, beyond the least there was."""

    def __init__(self) -> None:
        self._least = math.inf
        self._at = time.monotonic()

    def update(self, frame_time: float) -> float:
        """Seconds behind, for a frame that is taken now."""
        now = time.monotonic()
        # The source's clock may run a little slower than ours: over days that is no lag.
        self._least += _FORGET_LAG * (now - self._at)
        self._at = now
        delay = now - frame_time
        self._least = min(self._least, delay)
        return delay - self._least
