"""Counters for Prometheus."""

from __future__ import annotations

import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

_SECONDS = (0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0)
_TOGETHER = (1, 2, 4, 8, 16, 32)


class Metrics:
    """What a server counts. Each server has its own registry."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.requests = Counter(
            "jepa_requests", "Requests answered.", ["method", "route", "status"], registry=self._registry
        )
        self.seconds = Histogram(
            "jepa_request_seconds",
            "Seconds until the answer began.",
            ["route"],
            buckets=_SECONDS,
            registry=self._registry,
        )
        self.batches = Histogram(
            "jepa_searches_together",
            "Searches that were encoded together.",
            buckets=_TOGETHER,
            registry=self._registry,
        )
        self.search_seconds = Histogram(
            "jepa_search_seconds", "Seconds of such a batch.", buckets=_SECONDS, registry=self._registry
        )
        self.clips = Gauge("jepa_index_clips", "Clips of an index.", ["index"], registry=self._registry)
        self.refreshes = Counter("jepa_index_refreshes", "New commits taken up.", registry=self._registry)
        self.previews = Gauge("jepa_previews", "Files being transcoded now.", registry=self._registry)
        self.jobs = Gauge("jepa_jobs", "Jobs running now.", registry=self._registry)

    def on_batch(self, searches: int, seconds: float) -> None:
        """Count searches that ran together."""
        self.batches.observe(searches)
        self.search_seconds.observe(seconds)

    def text(self) -> bytes:
        """All of them, in Prometheus' text format."""
        return generate_latest(self._registry)


class Counted:
    """Counts the requests that pass through it by route, method and status."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()

        async def counting(message: Message) -> None:
            if message["type"] == "http.response.start":
                route = _route_of(scope)
                self._metrics.requests.labels(scope["method"], route, message["status"]).inc()
                self._metrics.seconds.labels(route).observe(time.perf_counter() - began)
            await send(message)

        await self._app(scope, receive, counting)


def _route_of(scope: Scope) -> str:
    """The path of the route that has matched: names and numbers in paths would make a series each."""
    route = scope.get("route")
    path = getattr(route, "path", None)
    return path if isinstance(path, str) and path else "other"
