"""Reads a stream in a worker process: a crash of the decoder costs a file with a reason, and no live stream."""

from __future__ import annotations

import dataclasses
import threading
import time
from collections.abc import Iterator
from types import TracebackType
from typing import Any, Self

from jepa_retrieval.errors import MediaError, UnreadableMediaError, UsageError
from jepa_retrieval.media.limits import MAX_SILENCE
from jepa_retrieval.media.streams.retry import Retry
from jepa_retrieval.media.streams.types import Lost, Returned, StreamCounters, StreamEvent, StreamRequest
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.workers.process import WorkerProcess

_MAX_EVENTS = 16  # that one message brings
_POLL_SECONDS = 0.5  # between looks for a hanging process


class StreamProcess:
    """Does what `StreamReader` does, in a process of its own. Use as a context manager, and iterate once.

    Iterating raises UnreadableMediaError as there, and if the decoder crashes or hangs on a source that is not live.
    A live source is lost then, and read on by a new process.

    Attributes:
        counters: what has happened so far, added up over all processes.

    Args:
        request: what to read.
        timeout: seconds without a sign of life after which the process is killed; None: `limits.MAX_SILENCE`. It
            gives signs of life while it waits for a connection, or for the consumer.

    Raises:
        MediaError: the process cannot be started.
    """

    def __init__(self, request: StreamRequest, *, timeout: float | None = None) -> None:
        self.counters = StreamCounters()
        self._before = StreamCounters()  # of processes that have ended
        self._request = request
        self._timeout = MAX_SILENCE.value if timeout is None else timeout
        self._waiting = 0  # windows that are ready to be taken
        self._closed = threading.Event()
        self._began = time.monotonic()
        self._retry = Retry.of(request)
        self._worker = WorkerProcess()
        self._watchdog = threading.Thread(target=self._kill_hanging, daemon=True)

    def __enter__(self) -> Self:
        self._began = time.monotonic()
        self._watchdog.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Kill the process. Safe to call twice."""
        self._closed.set()
        self._worker.close()

    @property
    def waiting(self) -> int:
        """Windows that are ready to be taken."""
        return self._waiting

    @property
    def pid(self) -> int:
        """Process id, for diagnosis."""
        return self._worker.pid

    def __iter__(self) -> Iterator[StreamEvent]:
        request = self._request
        while not self._closed.is_set():
            try:
                yield from self._read(request)
                return
            except EOFError:
                if self._closed.is_set():
                    return
                reason = self._exit_reason()
            if not self.counters.live:
                raise UnreadableMediaError(self._request.source.name, reason)
            delay = self._retry.failed(reason)
            yield Lost(reason, delay)
            self._closed.wait(delay)
            self._before = dataclasses.replace(self.counters)
            self._worker = WorkerProcess()
            request = dataclasses.replace(self._request, elapsed=time.monotonic() - self._began)

    def _read(self, request: StreamRequest) -> Iterator[StreamEvent]:
        """Pass on the events of one process until the stream ends; EOFError if the process does."""
        self._send(request)
        self._send(_MAX_EVENTS)
        while (events := self._receive()) is not None:
            windows = sum(isinstance(event, MediaWindow) for event in events)
            for event in events:
                if isinstance(event, MediaWindow):
                    windows -= 1
                    self._waiting = windows + self._ready
                    if (after := self._retry.succeeded()) is not None:
                        yield Returned(after)
                yield event
            self._send(_MAX_EVENTS)

    def _send(self, message: StreamRequest | int) -> None:
        try:
            self._worker.send(message)
        except OSError as error:
            raise EOFError from error

    def _receive(self) -> list[StreamEvent] | None:
        """The next events; None at the end of the stream."""
        while True:
            for kind, *values in self._worker.receive():
                if kind == "ready":
                    self._worker.ready = True
                elif kind == "events":
                    events: list[StreamEvent] = values[0]
                    self._count(values[1])
                    self._ready: int = values[2]
                    return events
                elif kind == "ended":
                    self._count(values[0])
                    return None
                else:
                    raise self._error(kind, values[0])

    def _error(self, kind: Any, text: str) -> Exception:
        if kind == "failed":
            return UnreadableMediaError(self._request.source.name, text)
        return UsageError(text)

    def _count(self, now: StreamCounters) -> None:
        for field in dataclasses.fields(now):
            value = getattr(now, field.name)
            is_count = type(value) is int
            setattr(
                self.counters, field.name, value + getattr(self._before, field.name) if is_count else value
            )

    def _exit_reason(self) -> str:
        """Clear up after a process that has ended; say why, in a few words."""
        reason = self._worker.exit_reason(timeout=self._timeout)
        self._worker.close()
        if not self._worker.ready:
            raise MediaError(f"the decoder process could not be started: {reason}")
        return reason

    def _kill_hanging(self) -> None:
        while not self._closed.wait(_POLL_SECONDS):
            worker = self._worker
            if worker.silent_for() > self._timeout:
                worker.hung = True
                worker.kill()
