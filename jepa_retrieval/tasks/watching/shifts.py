"""Selective decoding while a stream runs: detect when its meaning has shifted, and decode only then.

The stream is smoothed by average pooling; where its variance over a few seconds rises above a threshold, something
has changed (Chen et al., "VL-JEPA", arXiv 2512.10942, section on selective decoding). The threshold has hysteresis:
the variance must fall again before the next shift counts. `tasks.encoding.segment` does the same for a stream that is
complete.
"""

from __future__ import annotations

import math
from collections import deque
from dataclasses import dataclass
from typing import Literal

import numpy as np

from jepa_retrieval.errors import UsageError

# Of the local variance: the middle of the best thresholds on the made streams of `benchmarks.studies.borders`.
DEFAULT_THRESHOLD = 0.09
_RELEASE = 0.7  # share of the threshold below which the variance must fall before the next shift
_MAX_SILENCE = 600.0  # seconds: limits the windows in memory
_BURST = 3.0  # decodes that a quiet time can save up

Cause = Literal["shift", "silence", "gap", "end"]


@dataclass(frozen=True, slots=True, eq=False)
class StreamedWindow:
    """One window of a running stream."""

    start: float  # seconds
    end: float
    embedding: np.ndarray  # Ŝ_Y, float32 [E], unit length
    thumbnail: bytes | None = None  # JPEG


@dataclass(frozen=True, slots=True, eq=False)
class StreamInterval:
    """Consecutive windows that mean the same: decoded once."""

    start: float  # seconds
    end: float
    windows: int
    average: np.ndarray  # mean of the windows' Ŝ_Y, float32 [E], unit length
    midpoint: np.ndarray  # Ŝ_Y of the window in the middle, float32 [E]
    cause: Cause  # why it ends
    thumbnail: bytes | None = None  # of the window in the middle


@dataclass(frozen=True, slots=True)
class ShiftOptions:
    """When to decode.

    Attributes:
        threshold: local variance at which the meaning counts as shifted; 0 to 1.
        smooth: seconds of average pooling.
        span: seconds over which the variance is taken.
        max_silence: seconds after which an interval is decoded though nothing has shifted.
        max_rate: most decodes a second in the long run; None for no limit.
    """

    threshold: float = DEFAULT_THRESHOLD
    smooth: float = 1.0
    span: float = 2.0
    max_silence: float = 30.0
    max_rate: float | None = 0.35

    def __post_init__(self) -> None:
        for name in ("smooth", "span"):
            if not 0 <= getattr(self, name) <= _MAX_SILENCE:
                raise UsageError(f"{name} must be 0 to {_MAX_SILENCE:g} seconds, not {getattr(self, name)}")
        if not 0 < self.threshold < 1:
            raise UsageError(f"threshold must be between 0 and 1, not {self.threshold:g}")
        if not 1 <= self.max_silence <= _MAX_SILENCE:
            raise UsageError(f"max_silence must be 1 to {_MAX_SILENCE:g} seconds, not {self.max_silence:g}")
        if self.max_rate is not None and not 1 / _MAX_SILENCE <= self.max_rate <= 60:
            raise UsageError(
                f"max_rate must be {1 / _MAX_SILENCE:.4f} to 60 decodes a second, not {self.max_rate:g}"
            )


class ShiftDetector:
    """The local variance of a stream, and the borders where it peaks.

    Args:
        rate: windows per second.
        options: when to decode.
    """

    def __init__(self, rate: float, options: ShiftOptions) -> None:
        self._high = options.threshold
        self._low = _RELEASE * options.threshold
        pooled = max(1, round(options.smooth * rate))
        local = max(2, round(options.span * rate))
        if (pooled + local) % 2 == 0:  # a border would lie between two equal peaks
            local += 1 if local == 2 else -1
        self._recent: deque[np.ndarray] = deque(maxlen=pooled)
        self._smoothed: deque[np.ndarray] = deque(maxlen=local)
        # The variance is highest when its windows lie half on either side of a border.
        self._delay = (pooled - 1) / 2 + (local - 1) / 2 - 0.5
        self._count = 0
        self._peak: tuple[float, int] | None = None  # variance and window, while above the threshold
        self.variance = 0.0

    def push(self, embedding: np.ndarray) -> tuple[int, float] | None:
        """Take the next window's Ŝ_Y; return a border as (number of the window that begins there, variance).

        A border is known once the variance has fallen again, about `span` seconds after it.
        """
        self._recent.append(embedding)
        self._smoothed.append(np.mean(self._recent, axis=0))
        self._count += 1
        recent = np.stack(self._smoothed)
        self.variance = float(((recent - recent.mean(axis=0)) ** 2).sum(axis=1).mean())
        if self._peak is None:
            if self.variance >= self._high:
                self._peak = (self.variance, self._count - 1)
        elif self.variance > self._peak[0]:
            self._peak = (self.variance, self._count - 1)
        elif self.variance < self._low:
            return self.take_peak()
        return None

    def take_peak(self) -> tuple[int, float] | None:
        """The border that is not yet complete, if there is one: for the end of a stream."""
        if self._peak is None:
            return None
        variance, window = self._peak
        self._peak = None
        return max(0, math.floor(window - self._delay + 0.5)), variance


class Budget:
    """Grants at most `rate` decodes a second in the long run, a few more after a quiet time."""

    def __init__(self, rate: float | None) -> None:
        self._rate = rate
        self._saved = 1.0
        self._time: float | None = None

    def grants(self, time: float) -> bool:
        """Whether a decode is affordable at `time` seconds of the stream."""
        if self._rate is None:
            return True
        if self._time is not None:
            self._saved = min(_BURST, self._saved + self._rate * max(0.0, time - self._time))
        self._time = time
        return self._saved >= 1

    def spend(self) -> None:
        """Count a decode."""
        self._saved -= 1


class OnlineSegmenter:
    """Cuts a running stream into intervals, each of which is to be decoded once.

    A shift for which the budget has no decode left waits; when there is one again, the strongest of the waiting
    shifts gets it. So a budget loses the weakest shifts, not the latest.

    Args:
        rate: windows per second.
        options: when to decode.
    """

    def __init__(self, rate: float, options: ShiftOptions) -> None:
        self._rate = rate
        self._options = options
        self._budget = Budget(options.max_rate)
        self._windows: list[StreamedWindow] = []  # of the open interval
        self._reset()

    @property
    def variance(self) -> float:
        """Local variance at the newest window."""
        return self._detector.variance

    def push(self, window: StreamedWindow) -> list[StreamInterval]:
        """Take the next window; return the intervals that are complete with it."""
        self._windows.append(window)
        border = self._detector.push(window.embedding)
        if border is not None:
            self._note(*border)
        if not self._budget.grants(window.end):
            return []
        if self._borders:
            return [self._cut_at_strongest()]
        if window.end - self._windows[0].start >= self._options.max_silence:
            return [self._close(len(self._windows), "silence")]
        return []

    def gap(self) -> list[StreamInterval]:
        """The stream was interrupted: complete the open interval."""
        return self._finish("gap")

    def finish(self) -> list[StreamInterval]:
        """The stream has ended: complete the open interval."""
        return self._finish("end")

    def _finish(self, cause: Cause) -> list[StreamInterval]:
        border = self._detector.take_peak()
        if border is not None:
            self._note(*border)
        intervals = []
        now = self._windows[-1].end if self._windows else 0.0
        if self._borders and self._budget.grants(now):
            intervals.append(self._cut_at_strongest())
        # The last interval is always decoded: no later decode will cover it.
        if self._windows and (cause == "end" or self._budget.grants(now)):
            intervals.append(self._close(len(self._windows), cause))
        self._windows.clear()
        self._reset()
        return intervals

    def _reset(self) -> None:
        self._detector = ShiftDetector(self._rate, self._options)
        self._first = 0  # number of the open interval's first window, as the detector counts
        self._borders: dict[
            int, float
        ] = {}  # first window of a new meaning, and its variance; waiting for budget

    def _note(self, number: int, variance: float) -> None:
        if self._first < number < self._first + len(self._windows):
            self._borders[number] = variance

    def _cut_at_strongest(self) -> StreamInterval:
        number = max(self._borders, key=lambda border: self._borders[border])
        return self._close(number - self._first, "shift")

    def _close(self, length: int, cause: Cause) -> StreamInterval:
        """Complete an interval of the first `length` windows that are held."""
        self._budget.spend()
        windows, self._windows = self._windows[:length], self._windows[length:]
        self._first += length
        self._borders = {number: value for number, value in self._borders.items() if number > self._first}
        return _interval(windows, cause)


def _interval(windows: list[StreamedWindow], cause: Cause) -> StreamInterval:
    mean = np.mean([window.embedding for window in windows], axis=0)
    middle = windows[len(windows) // 2]
    return StreamInterval(
        start=round(windows[0].start, 6),
        end=round(windows[-1].end, 6),
        windows=len(windows),
        average=(mean / max(float(np.linalg.norm(mean)), 1e-12)).astype(np.float32),
        midpoint=middle.embedding,
        cause=cause,
        thumbnail=middle.thumbnail,
    )
