"""When a lost source is tried again, and when it is given up."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Self

from jepa_retrieval.errors import UnreadableMediaError

if TYPE_CHECKING:
    from jepa_retrieval.media.streams.types import StreamRequest


class Retry:
    """Waits longer after every failed attempt; begins with a short wait again once there was a picture.

    Args:
        name: what the error calls the source.
        first_delay: seconds before the first attempt; doubled every time.
        max_delay: maximum seconds between two attempts.
        give_up: seconds without a picture after which the source is given up.
        now: the wall clock, seconds.
    """

    def __init__(
        self,
        name: str,
        *,
        first_delay: float,
        max_delay: float,
        give_up: float,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._name = name
        self._first_delay = first_delay
        self._max_delay = max_delay
        self._give_up = give_up
        self._now = now
        self._next_delay = first_delay
        self._lost_at: float | None = None

    @classmethod
    def of(cls, request: StreamRequest) -> Self:
        """The attempts that a request asks for."""
        return cls(
            request.source.name,
            first_delay=request.first_delay,
            max_delay=request.max_delay,
            give_up=request.give_up,
        )

    @property
    def lost(self) -> bool:
        """Whether the source is lost, and no picture has come since."""
        return self._lost_at is not None

    def failed(self, reason: str) -> float:
        """Note that a connection ended or could not be made: seconds until the next attempt.

        Raises:
            UnreadableMediaError: the source was lost for longer than `give_up`.
        """
        now = self._now()
        if self._lost_at is None:
            self._lost_at = now
        elif now - self._lost_at > self._give_up:
            raise UnreadableMediaError(
                self._name, f"was given up after {now - self._lost_at:.0f} s: {reason}"
            )
        delay = self._next_delay
        self._next_delay = min(2 * delay, self._max_delay)
        return delay

    def succeeded(self) -> float | None:
        """Note that a picture has come: seconds that the source was lost for, None if it was not."""
        if self._lost_at is None:
            return None
        after, self._lost_at = self._now() - self._lost_at, None
        self._next_delay = self._first_delay
        return after
