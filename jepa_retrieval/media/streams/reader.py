"""Watch a file, a network stream or a camera as windows that slide over it, for days if need be.

A thread reads and decodes, so that decoding and whatever is done with the windows run side by side. Nothing that a
source does ends a live stream: a lost connection is tried again, less and less often; damaged packets are left out;
a clock that jumps is corrected. Memory does not grow with time.
"""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.bounded_queue import BoundedQueue
from jepa_retrieval.media.reasons import NO_FRAME
from jepa_retrieval.media.streams.animated import animation_windows, is_picture
from jepa_retrieval.media.streams.catch_up import CatchUp
from jepa_retrieval.media.streams.clock import StreamClock
from jepa_retrieval.media.streams.connection import Connection
from jepa_retrieval.media.streams.retry import Retry
from jepa_retrieval.media.streams.sampler import StreamSampler
from jepa_retrieval.media.streams.source import known_length
from jepa_retrieval.media.streams.types import Lost, Returned, StreamCounters, StreamEvent, StreamRequest
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.video.cut_off import cut_off_reason, ends_early
from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from jepa_retrieval.media.video.container import Video

logger = logging.getLogger(__name__)

_MAX_WAITING = 48  # windows
_MISSING_SECONDS = 2.0  # a source of known length that ends this much too early has been cut off


class _End:
    """Marks the end of the events."""


class StreamReader:
    """Reads one stream in a thread of its own. Use as a context manager, and iterate once.

    Iterating raises UnreadableMediaError if the source cannot be opened at all, has no picture, or was given up.
    """

    def __init__(self, request: StreamRequest) -> None:
        self.counters = StreamCounters()
        self._request = request
        self._queue: BoundedQueue[StreamEvent | BaseException | _End] = BoundedQueue(_MAX_WAITING)
        self._progress_at = monotonic()
        self.ended = False  # whether all events were taken
        self._stop = threading.Event()
        self._clock: StreamClock | None = None  # None until the first connection
        self._frame_step = (
            0.0  # seconds from frame to frame, as the video says; the clock's is longer while skipping
        )
        self._catch_up = CatchUp(self.counters, max_lag=request.max_lag)
        self._sampler = StreamSampler(request, self.counters)
        self._retry = Retry.of(request)
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
        while not self.ended:
            yield from self.take(1)

    def take(self, limit: int, *, timeout: float | None = None) -> list[StreamEvent]:
        """Take events that are ready, `limit` at most; waits for the first, at most `timeout` seconds.

        Sets `ended` once there are no more.
        """
        events: list[StreamEvent] = []
        while len(events) < limit and (item := self._queue.get(0 if events else timeout)) is not None:
            if isinstance(item, BaseException):
                if events:  # these first
                    self._queue.put_back(item)
                    break
                raise item
            if isinstance(item, _End):
                self.ended = True
                break
            events.append(item)
        return events

    @property
    def idle(self) -> float:
        """Seconds since the reader last got anywhere; 0 while it waits for the consumer."""
        return 0.0 if self.waiting >= _MAX_WAITING else monotonic() - self._progress_at

    @property
    def waiting(self) -> int:
        """Windows that are ready to be taken."""
        return self._queue.size

    def _run(self) -> None:
        try:
            self._read_to_the_end()
        except BaseException as error:  # raised again where events are taken
            self._queue.put(error, size=0)
        finally:
            self._queue.put(_End(), size=0)

    def _read_to_the_end(self) -> None:
        """Connect and read, again and again, until the source has truly ended."""
        source = self._request.source
        if is_picture(self._request):
            self._read_animation()
            return
        while not self._stop.is_set():
            self._progress_at = monotonic()
            try:
                if self._read_connection():
                    return
                reason = "the stream ended"
            except UnreadableMediaError as error:
                if self.counters.connections == 0 or source.kind == "file":
                    raise
                reason = error.reason
            is_new = not self._retry.lost
            delay = self._retry.failed(reason)
            if is_new:
                self._finish_windows()
                self._queue.put(Lost(reason, delay), size=0)
            logger.info("%s: %s; trying again in %.1f s", source.name, reason, delay)
            self._stop.wait(delay)

    def _read_animation(self) -> None:
        for window in animation_windows(self._request, self.counters):
            self._progress_at = monotonic()
            self._deliver([window])
            if self._stop.is_set():
                return

    def _read_connection(self) -> bool:
        """Read one connection to its end; whether that is the end of the stream."""
        request = self._request
        with Connection(
            request.source, timeout=request.timeout, counters=self.counters, catch_up=self._catch_up
        ) as connection:
            length = known_length(connection.video)
            clock, resume = self._begin(connection.video, length)
            connection.video.corrects_clock = not self.counters.live  # a live one is set by the wall clock
            limit = request.seconds
            for stamp, frame in connection.frames():
                self._progress_at = monotonic()
                if resume is not None and stamp is not None and stamp <= resume:
                    continue
                time = clock.time(stamp)
                if time is not None and limit is not None and time >= limit:
                    self._finish_windows(at=limit)
                    return True
                self.counters.clock_jumps = clock.jumps + connection.video.clock_jumps
                if time is not None:
                    self._catch_up.measure(time)
                    self._tell_of_return()
                    self._deliver(self._sampler.take(time, frame))
                if self._stop.is_set():
                    return True
            sound_end = connection.video.sound_end
            if clock.last is not None:
                self.counters.partial = self._missing(connection.video, clock.last + self._frame_step)
        if clock.last is None:
            raise UnreadableMediaError(request.source.name, NO_FRAME)
        self._deliver(self._sampler.end_slot())
        was_cut_off = length is not None and clock.last < length - _MISSING_SECONDS
        if self.counters.live or (request.source.kind == "network" and was_cut_off):
            return False
        self._finish_windows(sound_end=sound_end)
        return True

    def _missing(self, video: Video, reached: float) -> str | None:
        """What is missing of a file whose last picture ends at `reached`, seconds; None of any other source."""
        source = self._request.source
        if source.kind != "file" or source.follow or self.counters.live or not ends_early(video, reached):
            return None
        with VideoFile(Path(source.address), threads=1) as file:
            return cut_off_reason(file, reached, on_tick=self._tick)

    def _tick(self) -> None:
        self._progress_at = monotonic()

    def _begin(self, video: Video, length: float | None) -> tuple[StreamClock, float | None]:
        """Prepare for a new connection: the clock, and where a source of known length has to go on, seconds."""
        self._sampler.connect(video)
        self._catch_up.restart()
        self._frame_step = video.frame_step
        if self._clock is None:
            kind = self._request.source.kind
            endless = kind == "camera" or (kind == "network" and length is None)
            live = endless if self._request.live is None else self._request.live
            self.counters.live = self._queue.drop_oldest = live
            self._clock = StreamClock(
                live=live, jumps_forward=live, frame_step=video.frame_step, start=self._request.elapsed
            )
            return self._clock, None
        self._clock.reconnected()
        if self.counters.live or self._clock.last is None:
            return self._clock, None
        video.seek(self._clock.last)
        return self._clock, self._clock.last

    def _tell_of_return(self) -> None:
        if (after := self._retry.succeeded()) is not None:
            self._queue.put(Returned(after), size=0)

    def _finish_windows(self, *, at: float | None = None, sound_end: float | None = None) -> None:
        """Deliver what is left before a gap or the end, which lies `at` seconds or follows the last picture.

        With sound, the last picture stays until that ends.
        """
        if self._clock is not None:
            if at is None:
                at = (self._clock.last or 0.0) + min(self._clock.step, self._frame_step)
                at = max(at, min(sound_end or 0.0, self._request.seconds or math.inf))
            self._deliver(self._sampler.finish(at))

    def _deliver(self, windows: Iterable[MediaWindow]) -> None:
        for window in windows:
            self._queue.put(window)
            self.counters.dropped = self._queue.dropped
