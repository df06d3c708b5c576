"""Worker processes that are kept for the next file."""

from __future__ import annotations

import atexit
import threading
import weakref
from collections.abc import Callable
from typing import Generic, Protocol, TypeVar

from jepa_retrieval.media.workers.child import decoder_environment


class _Closable(Protocol):
    def close(self) -> None: ...


T = TypeVar("T", bound=_Closable)


class KeptWorkers(Generic[T]):
    """Workers that are idle; as many are kept as callers use at the same time, until this process ends.

    A worker has the environment of its start. If a variable has been changed since, such as one that names the
    credentials of a store or a limit, it is closed and another one is started.

    Args:
        start: starts a worker.
    """

    def __init__(self, start: Callable[[], T]) -> None:
        self._start = start
        self._idle: list[T] = []
        self._environments: weakref.WeakKeyDictionary[T, dict[str, str]] = weakref.WeakKeyDictionary()
        self._lock = threading.Lock()
        atexit.register(self.close)

    def take(self) -> T:
        """A worker that nobody else uses until it is given to `keep`. The caller may close it instead."""
        environment = decoder_environment()
        with self._lock:
            fitting = [worker for worker in self._idle if self._environments[worker] == environment]
            outdated = [worker for worker in self._idle if worker not in fitting]
            worker = fitting.pop() if fitting else None
            self._idle = fitting
        for other in outdated:
            other.close()
        if worker is None:
            worker = self._start()
            with self._lock:
                self._environments[worker] = environment
        return worker

    def keep(self, worker: T) -> None:
        """Keep a worker for the next caller."""
        with self._lock:
            self._idle.append(worker)

    def close(self) -> None:
        """Close all that are idle."""
        with self._lock:
            idle, self._idle = self._idle, []
        for worker in idle:
            worker.close()
