"""Frames of a stream to windows that slide over it at a fixed rate."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from jepa_retrieval.media.frame_fit import SQUEEZE, Fit
from jepa_retrieval.media.thumbnails import make_thumbnail
from jepa_retrieval.media.types import MediaWindow


@dataclass(slots=True)
class _Step:
    """The frames between two ticks of the rate."""

    number: int
    times: list[float] = field(default_factory=list)
    frames: list[np.ndarray] = field(default_factory=list)
    aspect: float = 1.0
    end: float = 0.0


class SlidingWindows:
    """Collects frames, in order of time, into windows.

    A window stands for one step of `1 / rate` seconds, and its `start` and `end` are that step's; its frames reach
    `reach` steps further on both sides. A step without a frame of its own is joined to the one before, as in
    `read_windows`.

    Args:
        rate: windows per second.
        image_size: side S of the squares that pictures become, pixels.
        fit: how they become square.
        reach: steps on each side whose frames a window sees too.
        thumbnails: whether windows carry a JPEG.
    """

    def __init__(
        self,
        rate: float,
        *,
        image_size: int,
        fit: Fit = SQUEEZE,
        reach: int = 0,
        thumbnails: bool = False,
    ) -> None:
        self._rate = rate
        self._image_size, self._fit = image_size, fit
        self._reach = reach
        self._thumbnails = thumbnails
        self._open: _Step | None = None
        self._steps: deque[_Step] = deque(maxlen=2 * reach + 1)
        self._ahead = 0  # steps complete behind the one whose window is due next

    def add(self, time: float, frame: np.ndarray, aspect: float) -> Iterator[MediaWindow]:
        """Take a scaled frame, uint8 [h, w, 3], that is shown with `aspect` (width / height).

        Yields the windows that are complete with it.
        """
        number = math.floor(time * self._rate + 1e-6)
        if self._open is not None and number > self._open.number:
            yield from self._complete(number / self._rate)
        if self._open is None:
            self._open = _Step(number, aspect=aspect)
        self._open.times.append(time)
        self._open.frames.append(frame)

    def close(self, end: float) -> Iterator[MediaWindow]:
        """Yield the windows that are left; the stream ends or breaks off at `end` seconds."""
        if self._open is not None:
            yield from self._complete(max(end, self._open.times[-1] + 1e-3))
        while self._ahead:
            self._ahead -= 1
            yield self._window(len(self._steps) - 1 - self._ahead)
        self._steps.clear()

    def _complete(self, end: float) -> Iterator[MediaWindow]:
        assert self._open is not None
        self._open.end = end
        self._steps.append(self._open)
        self._open = None
        self._ahead += 1
        if self._ahead > self._reach:
            self._ahead -= 1
            yield self._window(len(self._steps) - 1 - self._ahead)

    def _window(self, index: int) -> MediaWindow:
        centre = self._steps[index]
        seen = list(self._steps)[max(0, index - self._reach) : index + self._reach + 1]
        thumbnail = None
        if self._thumbnails:
            thumbnail = make_thumbnail(centre.frames[len(centre.frames) // 2], centre.aspect)
        pictures = [picture for step in seen for picture in step.frames]
        return MediaWindow(
            start=centre.number / self._rate,
            end=centre.end,
            times=np.array([time for step in seen for time in step.times], np.float64),
            frames=self._fit.squares(pictures, self._image_size),
            thumbnail=thumbnail,
            crops=self._fit.crops(pictures[0]),
        )
