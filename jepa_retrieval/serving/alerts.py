"""Alerts since the server was started: kept in memory, and told to those who follow them."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator

from indexes.schema import utc_time
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.schemas.saved import Alert, SavedSearch, Sighting
from jepa_retrieval.serving.schemas.search import Hit

MAX_ALERTS = 1000  # that are remembered


class Alerts:
    """The newest alerts."""

    def __init__(self) -> None:
        self._kept: deque[tuple[Alert, bytes | None]] = deque(maxlen=MAX_ALERTS)  # with pictures
        # Greater than every number of an earlier server: pages that stay open, their caches and `Last-Event-ID` of
        # those who follow outlive a restart.
        self._last = time.time_ns() // 1000
        self._changed = asyncio.Event()

    def all(self) -> list[Alert]:
        """The newest first."""
        return [alert for alert, _ in reversed(self._kept)]

    def picture(self, number: int) -> bytes:
        """The JPEG of an alert from a stream.

        Raises:
            ProblemError: there is none.
        """
        for alert, picture in self._kept:
            if alert.number == number and picture is not None:
                return picture
        raise ProblemError(404, "there is no such alert any more, or it has no picture")

    async def follow(self, after: int | None) -> AsyncIterator[Alert]:
        """Alerts after a number, or new ones only, as they come."""
        seen = self._last if after is None else after
        while True:
            changed = self._changed
            for alert in [alert for alert, _ in self._kept if alert.number > seen]:
                seen = alert.number
                yield alert
            await changed.wait()

    def add_hits(self, saved: SavedSearch, hits: list[Hit]) -> None:
        """Tell of moments of indexed files."""
        for hit in hits:
            self._keep(saved, hit, None, None)
        if hits:
            self._wake()

    def add_sighting(
        self,
        saved: SavedSearch,
        stream: str,
        start: float,
        end: float,
        confidence: float,
        picture: bytes | None,
    ) -> None:
        """Tell of a window of a stream."""
        number = self._last + 1
        sighting = Sighting(
            stream=stream,
            start=round(start, 3),
            end=round(end, 3),
            confidence=round(confidence, 4),
            picture_url=None if picture is None else f"/v1/alerts/{number}/picture",
        )
        self._keep(saved, None, sighting, picture)
        self._wake()

    def _keep(
        self, saved: SavedSearch, hit: Hit | None, sighting: Sighting | None, picture: bytes | None
    ) -> None:
        self._last += 1
        alert = Alert(
            number=self._last,
            search_id=saved.id,
            search_name=saved.name,
            time=utc_time(time.time_ns()),
            hit=hit,
            sighting=sighting,
        )
        self._kept.append((alert, picture))

    def _wake(self) -> None:
        before, self._changed = self._changed, asyncio.Event()
        before.set()
