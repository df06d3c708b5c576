"""The clock of a stream: presentation stamps, which may jump, to times that only increase."""

from __future__ import annotations

import time
from collections.abc import Callable

from jepa_retrieval.media.video.packet_clock import JUMP_SECONDS, LATE_SECONDS

# A millisecond, the coarsest clock of a container: steps that are smaller would vanish beside large times.
_MIN_STEP = 1e-3


class StreamClock:
    """Times of a stream's frames, in seconds, strictly increasing.

    A file keeps its own times, so that a player finds them again. A live stream begins at 0, runs by its stamps, and
    is set by the wall clock whenever these cannot be trusted: after a jump, and after the connection was lost.

    Args:
        live: whether the wall clock is the measure.
        jumps_forward: whether a gap of more than `JUMP_SECONDS` is a clock that was set, not a picture that stands
            still for so long.
        start: time of the first frame of a live stream.
        frame_step: seconds between two frames, until it was seen, and of a stream without stamps.
        now: the wall clock, seconds.
    """

    def __init__(
        self,
        *,
        live: bool,
        jumps_forward: bool,
        start: float = 0.0,
        frame_step: float = 1 / 25,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._live = live
        self._jumps_forward = jumps_forward
        self._start = start
        self._now = now
        self._offset: float | None = None if live else 0.0  # None: the next frame's stamp sets it
        self._began: float | None = None  # wall clock at time 0 of a live stream
        self._last: float | None = None
        self._step = frame_step  # between two frames
        self.jumps = 0

    @property
    def last(self) -> float | None:
        """Time of the last frame; None before the first."""
        return self._last

    @property
    def step(self) -> float:
        """Seconds from frame to frame, as seen last."""
        return self._step

    def reconnected(self) -> None:
        """The stamps begin anew: those of a live stream are set by the wall clock again."""
        if self._live:
            self._offset = None

    def time(self, stamp: float | None) -> float | None:
        """The time of the next frame; None if the frame is late and has to be dropped.

        `stamp` is the frame's own time in seconds, None if it has none.
        """
        if self._began is None:
            self._began = self._now()
        if stamp is None:
            return self._set(self._after_last())
        if self._offset is None:
            return self._anchor(stamp)
        time = stamp + self._offset
        if self._last is None:
            return self._set(time)
        delta = time - self._last
        if (delta > JUMP_SECONDS and self._jumps_forward) or delta < -LATE_SECONDS:
            self.jumps += 1
            return self._anchor(stamp)
        if delta <= 0:
            return None
        if delta < LATE_SECONDS:
            self._step = max(delta, _MIN_STEP)
        return self._set(time)

    def _anchor(self, stamp: float) -> float:
        """Take `stamp` for now (live) or for the moment after the last frame, and count on from there."""
        time = self._after_last()
        if self._live and self._began is not None:
            time = max(time, self._start + self._now() - self._began)
        self._offset = time - stamp
        return self._set(time)

    def _after_last(self) -> float:
        return self._start if self._last is None else self._last + self._step

    def _set(self, time: float) -> float:
        self._last = time
        return time
