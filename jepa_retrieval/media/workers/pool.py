"""Decodes files in worker processes: a crash or a hang costs the one file, not the run."""

from __future__ import annotations

import contextlib
import logging
import queue
import threading
from collections.abc import Iterable, Iterator
from dataclasses import replace
from types import TracebackType
from typing import Self

from jepa_retrieval.errors import MediaError, UsageError
from jepa_retrieval.media.bounded_queue import BoundedQueue
from jepa_retrieval.media.limits import MAX_SILENCE
from jepa_retrieval.media.types import Decoded, DecodeRequest, Event, Failed, Finished, Probed
from jepa_retrieval.media.workers.gpu import decoded_on_gpu, is_for_gpu, worker_request
from jepa_retrieval.media.workers.process import WorkerProcess

logger = logging.getLogger(__name__)

_AHEAD = (
    8  # requests per worker that are pulled before one is free, so that workers never wait for the consumer
)
_BUFFER_BYTES = 48 * 2**20  # of frames that wait for the consumer; workers pause beyond that
_POLL_SECONDS = 0.5  # between looks for hanging workers

Requests = queue.SimpleQueue[DecodeRequest | None]
Events = BoundedQueue[Event | BaseException]


class _RunOverError(Exception):
    """The consumer has stopped: no further events are needed."""


class DecodePool:
    """Worker processes that turn requests into events.

    Args:
        workers: processes; each decodes one file at a time with a few threads of its own.
        timeout: seconds without any sign of life after which a worker is killed, and its file has failed; None:
            `limits.MAX_SILENCE`. A worker that waits because the consumer is slow is never killed.

    Use as a context manager, or call `close`. No process survives the pool, nor the death of the process that
    owns it.
    """

    def __init__(self, workers: int = 2, *, timeout: float | None = None) -> None:
        if workers < 1:
            raise UsageError(f"workers must be at least 1, not {workers}")
        timeout = MAX_SILENCE.value if timeout is None else timeout
        if not timeout > 0:
            raise UsageError(f"timeout must be a number of seconds above 0, not {timeout}")
        self._timeout = timeout
        self._size = workers
        self._lock = threading.Lock()
        self._closed = False
        self._running = False
        self._workers: list[WorkerProcess] = [WorkerProcess() for _ in range(workers)]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pids(self) -> list[int]:
        """Process ids of the workers, for diagnosis."""
        with self._lock:
            return [worker.pid for worker in self._workers]

    def close(self) -> None:
        """Kill the workers. Safe to call twice."""
        self._closed = True
        with self._lock:
            workers, self._workers = self._workers, []
        for worker in workers:
            worker.close()

    def run(self, requests: Iterable[DecodeRequest], *, device: str | None = None) -> Iterator[Event]:
        """Decode files and yield events as soon as they arrive.

        Each file gives `Probed`, any number of `Decoded` in order of time, and `Finished`; or, at any point,
        `Failed`. Events of different files interleave. Requests are pulled as workers need them, a few ahead; memory
        is bounded whatever the length of the files and the speed of the consumer. Leaving the loop early stops the
        work.

        Args:
            requests: what to decode.
            device: of PyTorch, such as "cuda". Videos whose decoder is "nvdec" are decoded there, by this process,
                once a worker has read their packets; their windows are `GpuWindow`. What cannot be decoded there is
                decoded by a worker, and a warning says why. None: workers decode everything.

        Raises:
            MediaError: decoder processes cannot be started on this machine, or the decoder is not installed.
        """
        if self._closed:
            raise UsageError("this DecodePool is closed")
        if self._running:
            raise UsageError("this DecodePool is already running; use a second one")
        self._running = True
        events: Events = BoundedQueue(_BUFFER_BYTES)
        waiting: Requests = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._serve, args=(waiting, events, device), daemon=True)
            for _ in range(self._size)
        ]
        for thread in threads:
            thread.start()
        try:
            yield from self._events(iter(requests), waiting, events)
        finally:
            events.close()
            with contextlib.suppress(queue.Empty):
                while True:
                    waiting.get_nowait()
            for _ in threads:
                waiting.put(None)
            with self._lock:
                for worker in self._workers:
                    if worker.busy:
                        worker.kill()
            for thread in threads:
                thread.join()
            self._running = False

    def _events(
        self, requests: Iterator[DecodeRequest], waiting: Requests, events: Events
    ) -> Iterator[Event]:
        """Feed requests in and pass events on, in the consumer's thread, until all files are done."""
        unfinished = 0
        exhausted = False
        while True:
            while not exhausted and unfinished < self._size * (_AHEAD + 1):
                request = next(requests, None)
                if request is None:
                    exhausted = True
                else:
                    unfinished += 1
                    waiting.put(request)
            if self._closed or (exhausted and not unfinished):
                return
            self._kill_hanging()
            event = events.get(_POLL_SECONDS)
            if isinstance(event, BaseException):
                raise event
            if event is not None:
                unfinished -= isinstance(event, Finished | Failed)
                yield event

    def _kill_hanging(self) -> None:
        with self._lock:
            for worker in self._workers:
                if worker.busy:
                    worker.kill_if_silent(self._timeout)

    def _serve(self, waiting: Requests, events: Events, device: str | None) -> None:
        """Run requests through one worker at a time, in a thread of its own."""
        try:
            while (request := waiting.get()) is not None:
                self._read(_Reading(request, events, device))
        except _RunOverError:
            return
        except BaseException as error:  # the consumer's thread must hear of it
            events.put(error, size=0)

    def _read(self, reading: _Reading) -> None:
        """Read one file; once more in a fresh worker if the one that read others before has died.

        What a file does to a decoder may show only later, when another file is read.
        """
        worker = self._acquire()
        try:
            reading.read(worker)
        except (EOFError, OSError):
            reason = self._reap(worker)
            logger.debug("%s: %s", reading.request.path, reason)
            if worker.served and not worker.hung:
                self._read(reading)
            else:
                reading.put(Failed(reading.request, reason))
        except BaseException:
            self._discard(worker)
            raise
        else:
            worker.served += 1
            worker.busy = False

    def _acquire(self) -> WorkerProcess:
        """An idle worker, or a new one if there is none: then one has died."""
        with self._lock:
            if self._closed:
                raise _RunOverError
            for worker in self._workers:
                if not worker.busy:
                    worker.busy = True
                    return worker
            worker = WorkerProcess()
            worker.busy = True
            self._workers.append(worker)
            return worker

    def _discard(self, worker: WorkerProcess) -> None:
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
        worker.close()

    def _reap(self, worker: WorkerProcess) -> str:
        """Clear up after a worker that has ended; say why, in a few words."""
        reason = worker.exit_reason(timeout=self._timeout)
        self._discard(worker)
        if self._closed:
            raise _RunOverError
        if not worker.ready:
            raise MediaError(f"the decoder process could not be started: {reason}")
        return reason


class _Reading:
    """One file being read; a second attempt passes on only what the first one has not."""

    def __init__(self, request: DecodeRequest, events: Events, device: str | None) -> None:
        self.request = request
        self._events = events
        self._device = device if is_for_gpu(request) else None
        self._warnings: tuple[str, ...] = ()
        self._probed = False
        self._delivered = 0  # windows

    def read(self, worker: WorkerProcess) -> None:
        """Send the request and pass on its events until the last."""
        if self._device is not None and self._read_on_gpu(worker, self._device):
            return
        worker.send(worker_request(self.request))
        skip = self._delivered  # the same file gives the same windows
        while True:
            for kind, *values in worker.receive():
                if kind == "ready":
                    worker.ready = True
                elif kind == "probed":
                    if not self._probed:
                        self.put(Probed(self.request, values[0]))
                    self._probed = True
                elif kind == "windows":
                    fresh = values[0][skip:]
                    skip -= len(values[0]) - len(fresh)
                    if fresh:
                        self.put(Decoded(self.request, fresh))
                    self._delivered += len(fresh)
                elif kind == "finished":
                    done = Finished(self.request, *values)
                    self.put(replace(done, warnings=self._warnings + done.warnings))
                    return
                elif kind == "unusable":
                    raise MediaError(values[0])
                else:
                    self.put(Failed(self.request, values[0]))
                    return

    def _read_on_gpu(self, worker: WorkerProcess, device: str) -> bool:
        """Decode the file on the GPU; False if a worker has to decode it, or what is left of it."""
        self._device = None  # a second attempt is not made there
        for event in decoded_on_gpu(self.request, worker, device):
            if isinstance(event, str):
                self._warnings = (f"was read with PyAV, not nvdec: {event}",) if event else ()
                return False
            self._probed |= isinstance(event, Probed)
            self._delivered += len(event.windows) if isinstance(event, Decoded) else 0
            self.put(event)
        return True

    def put(self, event: Event) -> None:
        """Pass an event on, waiting while too many frames wait for the consumer."""
        size = sum(window.frames.nbytes for window in event.windows) if isinstance(event, Decoded) else 0
        if not self._events.put(event, size=size):
            raise _RunOverError
