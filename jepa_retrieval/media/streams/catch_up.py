"""Catches up with a live source: measures how far behind reading is, and leaves out packets until it is not."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING

from jepa_retrieval.media.streams.types import StreamCounters

if TYPE_CHECKING:
    from av.packet import Packet

_CLOCK_DRIFT = 1e-3  # of the time that passes: more than a clock is wrong by, less than falling behind


class CatchUp:
    """Follows the lag of a live source; does nothing for any other.

    The lag is the delay of a frame, beyond the smallest delay so far.

    Args:
        counters: its `lag` and `skipping` are kept up to date; its `live` is read.
        max_lag: seconds behind above which key frames alone are decoded, until it is half as much.
    """

    def __init__(self, counters: StreamCounters, *, max_lag: float) -> None:
        self._counters = counters
        self._max_lag = max_lag
        self.restart()

    def restart(self) -> None:
        """Begin to measure anew: a new connection has another delay."""
        self._min_delay = math.inf
        self._measured_at = time.monotonic()

    def measure(self, frame_time: float) -> None:
        """Take the time of a frame that is decoded now, seconds."""
        if not self._counters.live:
            return
        now = time.monotonic()
        # The source's clock may run a little slower than ours: over days that is no lag.
        self._min_delay += _CLOCK_DRIFT * (now - self._measured_at)
        self._measured_at = now
        delay = now - frame_time
        self._min_delay = min(self._min_delay, delay)
        self._counters.lag = delay - self._min_delay

    def leaves_out(self, packet: Packet) -> bool:
        """Whether to leave a packet out because reading has fallen behind."""
        counters = self._counters
        if not counters.live:
            return False
        if not counters.skipping:
            counters.skipping = counters.lag > self._max_lag
        elif packet.is_keyframe and counters.lag < self._max_lag / 2:
            counters.skipping = False
        return counters.skipping and not packet.is_keyframe
