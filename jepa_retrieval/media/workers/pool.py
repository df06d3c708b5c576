"""Decodes files in worker processes: a crash or a hang takes down the one file, not the run."""

from __future__ import annotations

import contextlib
import logging
import os
import pickle
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from jepa_retrieval.errors import MediaError, UsageError
from jepa_retrieval.media.types import Decoded, DecodeRequest, Event, Failed, Finished, Probed

logger = logging.getLogger(__name__)

_AHEAD = (
    8  # requests per worker that are pulled before one is free, so that workers never wait for the consumer
)
_BUFFER_BYTES = 48 * 2**20  # of frames that wait for the consumer; workers pause beyond that
_PIPE_BYTES = 2**20
_START_SECONDS = 60.0  # that a worker may take to start, on top of the timeout, on a very busy machine
_POLL_SECONDS = 0.5  # between looks for hanging workers


class _RunOverError(Exception):
    """The consumer has left: nobody wants further events."""


class _EventBuffer:
    """A queue of events that is bounded in bytes."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._events: deque[tuple[Event | BaseException, int]] = deque()
        self._bytes = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, event: Event | BaseException, size: int = 0) -> None:
        """Append an event; wait while the buffer is full."""
        with self._changed:
            while self._bytes >= self._limit and not self._closed:
                self._changed.wait()
            if self._closed:
                raise _RunOverError
            self._events.append((event, size))
            self._bytes += size
            self._changed.notify_all()

    def get(self, timeout: float) -> Event | BaseException | None:
        """Take the oldest event; None if there is none within `timeout` seconds."""
        with self._changed:
            if not self._events:
                self._changed.wait(timeout)
            if not self._events:
                return None
            event, size = self._events.popleft()
            self._bytes -= size
            self._changed.notify_all()
            return event

    def close(self) -> None:
        """Let everybody who waits to put an event go."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class _Worker:
    """One decoder process and the pipes to it."""

    def __init__(self) -> None:
        package_root = str(Path(__file__).parents[3])
        paths = [package_root, os.environ.get("PYTHONPATH", "")]
        environment = {
            **os.environ,
            "PYTHONPATH": os.pathsep.join(filter(None, paths)),
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
        }
        self._noise: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the process
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jepa_retrieval.media.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._noise,
                env=environment,
            )
        except OSError as error:
            self._noise.close()
            raise MediaError(f"the decoder process could not be started: {error}") from error
        _widen(self._process.stdout)
        self.busy = False
        self.ready = False
        self.hung = False
        self.reading_since: float | None = None

    @property
    def pid(self) -> int:
        return self._process.pid

    def send(self, request: DecodeRequest) -> None:
        assert self._process.stdin is not None
        pickle.dump(request, self._process.stdin, protocol=5)
        self._process.stdin.flush()

    def receive(self) -> list[tuple[Any, ...]]:
        """The next message; EOFError when the process has ended."""
        assert self._process.stdout is not None
        self.reading_since = time.monotonic()
        try:
            message: list[tuple[Any, ...]] = pickle.load(self._process.stdout)
        except (pickle.UnpicklingError, OSError, ValueError) as error:
            raise EOFError from error
        finally:
            self.reading_since = None
        return message

    def silent_for(self) -> float:
        """Seconds for which a message has been waited for in vain."""
        since = self.reading_since
        return 0.0 if since is None else time.monotonic() - since

    def kill(self) -> None:
        self._process.kill()

    def close(self) -> None:
        """Kill the process, wait for it and release its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._noise):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def obituary(self) -> str:
        """Why the process ended, in a few words for the user; what it printed goes to the log."""
        if not self.ready and self.hung:
            return "it gave no sign of life"
        code = self._process.wait()
        with contextlib.suppress(OSError, ValueError):
            self._noise.seek(0)
            if text := self._noise.read()[-4000:].decode(errors="replace").strip():
                logger.debug("decoder process %d printed: %s", self.pid, text)
                if not self.ready:
                    return text.splitlines()[-1]
        if code in (-signal.SIGTERM, getattr(signal, "SIGKILL", 9) * -1):
            return "the decoder was killed while reading it, perhaps for want of memory"
        if code < 0:
            return f"the decoder crashed on it ({signal.Signals(-code).name})"
        return f"the decoder ended while reading it (status {code})"


def _widen(pipe: IO[bytes] | None) -> None:
    """Make a pipe hold a whole message: each time it runs full, two processes wait for each other."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # Linux has it, up to a limit
        import fcntl

        if pipe is not None:
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)


class DecodePool:
    """Worker processes that turn requests into events.

    Args:
        workers: processes; each decodes one file at a time with a few threads of its own.
        timeout: seconds without any sign of life after which a worker is given up, with the file that it reads. A
            worker that waits because the consumer is slow is never given up.

    Use as a context manager, or call `close`. No process survives the pool, nor the death of the process that
    owns it.
    """

    def __init__(self, workers: int = 2, *, timeout: float = 60.0) -> None:
        if workers < 1:
            raise UsageError(f"workers must be at least 1, not {workers}")
        if not timeout > 0:
            raise UsageError(f"timeout must be a number of seconds above 0, not {timeout}")
        self._timeout = timeout
        self._size = workers
        self._lock = threading.Lock()
        self._closed = False
        self._running = False
        self._workers: list[_Worker] = [_Worker() for _ in range(workers)]

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

    def run(self, requests: Iterable[DecodeRequest]) -> Iterator[Event]:
        """Decode files and yield what comes of them, as it comes.

        Each file gives `Probed`, any number of `Decoded` in order of time, and `Finished`; or, at any point,
        `Failed`. Events of different files interleave. Requests are pulled as workers need them, a few ahead; memory
        is bounded whatever the length of the files and the speed of the consumer. Leaving the loop early stops the
        work.

        Raises:
            MediaError: decoder processes cannot be started on this machine.
        """
        if self._closed:
            raise UsageError("this DecodePool is closed")
        if self._running:
            raise UsageError("this DecodePool is already running; use a second one")
        self._running = True
        buffer = _EventBuffer(_BUFFER_BYTES)
        waiting: queue.SimpleQueue[DecodeRequest | None] = queue.SimpleQueue()
        threads = [
            threading.Thread(target=self._serve, args=(waiting, buffer), daemon=True)
            for _ in range(self._size)
        ]
        for thread in threads:
            thread.start()
        try:
            yield from self._events(iter(requests), waiting, buffer)
        finally:
            buffer.close()
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
        self,
        requests: Iterator[DecodeRequest],
        waiting: queue.SimpleQueue[DecodeRequest | None],
        buffer: _EventBuffer,
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
            event = buffer.get(_POLL_SECONDS)
            if isinstance(event, BaseException):
                raise event
            if event is not None:
                unfinished -= isinstance(event, Finished | Failed)
                yield event

    def _kill_hanging(self) -> None:
        with self._lock:
            for worker in self._workers:
                patience = self._timeout + (0.0 if worker.ready else _START_SECONDS)
                if worker.busy and worker.silent_for() > patience:
                    worker.hung = True
                    worker.kill()

    def _serve(self, waiting: queue.SimpleQueue[DecodeRequest | None], buffer: _EventBuffer) -> None:
        """Run requests through one worker at a time, in a thread of its own."""
        try:
            while (request := waiting.get()) is not None:
                worker = self._hire()
                try:
                    self._read_one(worker, request, buffer)
                except (EOFError, OSError):
                    event = self._bury(worker, request)
                    buffer.put(event)
                except BaseException:
                    self._dismiss(worker)
                    raise
                else:
                    worker.busy = False
        except _RunOverError:
            return
        except BaseException as error:  # the consumer's thread must hear of it
            with contextlib.suppress(_RunOverError):
                buffer.put(error)

    def _hire(self) -> _Worker:
        """An idle worker, or a new one."""
        with self._lock:
            if self._closed:
                raise _RunOverError
            for worker in self._workers:
                if not worker.busy:
                    worker.busy = True
                    return worker
            worker = _Worker()
            worker.busy = True
            self._workers.append(worker)
            return worker

    def _dismiss(self, worker: _Worker) -> None:
        with self._lock:
            if worker in self._workers:
                self._workers.remove(worker)
        worker.close()

    def _bury(self, worker: _Worker, request: DecodeRequest) -> Failed:
        """Clear up after a worker that has ended; say what that means for its file."""
        reason = worker.obituary()
        self._dismiss(worker)
        if self._closed:
            raise _RunOverError
        if not worker.ready:
            raise MediaError(f"the decoder process could not be started: {reason}")
        if worker.hung:
            reason = f"the decoder gave no sign of life for {self._timeout:g} seconds"
        logger.debug("%s: %s", request.path, reason)
        return Failed(request, reason)

    def _read_one(self, worker: _Worker, request: DecodeRequest, buffer: _EventBuffer) -> None:
        """Send one request and pass on its events until the last."""
        worker.send(request)
        while True:
            for kind, *values in worker.receive():
                if kind == "ready":
                    worker.ready = True
                elif kind == "probed":
                    buffer.put(Probed(request, values[0]))
                elif kind == "windows":
                    windows = values[0]
                    buffer.put(Decoded(request, windows), sum(window.frames.nbytes for window in windows))
                elif kind == "finished":
                    buffer.put(Finished(request, *values))
                    return
                else:
                    buffer.put(Failed(request, values[0]))
                    return
