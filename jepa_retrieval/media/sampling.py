"""Which frames of a video are kept: at most one in each slot of a regular grid of presentation time."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Generic, TypeVar

from jepa_retrieval.media.types import DecodeRequest

AUTO_RATE = 2.0
"""Frames per second that "auto" takes where key frames are too far apart."""

SKIP_RATIO = 10.0
"""Frames that nothing refers to may be skipped if the video has this many frames to a slot, or more.

Reference frames are at most a few frames apart, so the nearest one still lies well inside its slot."""

Frame = TypeVar("Frame")


@dataclass(frozen=True, slots=True)
class SamplingPlan:
    """How densely to sample, and where key frames alone are dense enough.

    Attributes:
        rate: slots per second; each gives at most one frame.
        key_gap: seconds. Where key frames are at most this far apart, only they are decoded.
        keys_only: never decode anything but key frames.
    """

    rate: float
    key_gap: float
    keys_only: bool = False

    @classmethod
    def of(cls, request: DecodeRequest) -> SamplingPlan:
        """The plan for `request`: the rate that it asks for, or the highest rate that its windows can hold."""
        max_rate = request.frames_per_window / request.window
        if request.sampling == "keyframes":
            return cls(rate=max_rate, key_gap=math.inf, keys_only=True)
        if request.sampling == "auto":
            return cls(rate=min(AUTO_RATE, max_rate), key_gap=request.window * 1.05)
        rate = min(float(request.sampling), max_rate)
        return cls(rate=rate, key_gap=0.5 / rate)

    def slot(self, time: float, start: float = 0.0) -> int:
        """The number of the slot that `time` falls into, slots being counted from `start`."""
        return math.floor((time - start) * self.rate + 1e-6)

    def middle(self, slot: int, start: float = 0.0) -> float:
        """The time in the middle of a slot, seconds."""
        return start + (slot + 0.5) / self.rate

    def may_skip_unreferenced(self, frame_rate: float | None) -> bool:
        """Whether frames that no other frame refers to can be left out without harm to the sampling."""
        return frame_rate is not None and frame_rate >= SKIP_RATIO * self.rate


class SlotPicker(Generic[Frame]):
    """Keeps the frame nearest to the middle of each slot; an undamaged frame is preferred to any damaged one.

    Frames are offered in order of presentation time. A frame that is not later than its predecessor is dropped: the
    clock of a window never runs backwards.
    """

    def __init__(self, plan: SamplingPlan, start: float = 0.0) -> None:
        self._plan = plan
        self._start = start
        self._slot: int | None = None
        self._best: tuple[bool, float] = (True, math.inf)  # damaged, distance from the middle of the slot
        self._held: tuple[float, Frame] | None = None
        self._last_time = -math.inf

    def wants(self, time: float, *, damaged: bool = False) -> bool:
        """Whether `offer` would keep a frame with this time; any other need not be scaled first."""
        if time <= self._last_time:
            return False
        slot = self._plan.slot(time, self._start)
        return self._slot is None or slot > self._slot or self._rank(time, slot, damaged) < self._best

    def offer(self, time: float, frame: Frame, *, damaged: bool = False) -> tuple[float, Frame] | None:
        """Take the next frame; return the one kept from the slot before, once that slot is over."""
        if time <= self._last_time:
            return None
        self._last_time = time
        slot = self._plan.slot(time, self._start)
        done = None
        if self._slot is None or slot > self._slot:
            done, self._held = self._held, None
            self._slot, self._best = slot, (True, math.inf)
        rank = self._rank(time, slot, damaged)
        if rank < self._best:
            self._best, self._held = rank, (time, frame)
        return done

    def _rank(self, time: float, slot: int, damaged: bool) -> tuple[bool, float]:
        return damaged, abs(time - self._plan.middle(slot, self._start))

    def close(self) -> tuple[float, Frame] | None:
        """Return the frame kept from the last slot."""
        done, self._held = self._held, None
        return done
