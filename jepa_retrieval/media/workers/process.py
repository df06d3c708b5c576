"""A decoder process as its owner sees it: the process and the pipes to it."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import pickle
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import IO, Any

from jepa_retrieval.errors import MediaError
from jepa_retrieval.media.limits import MAX_SILENCE
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.media.types import CallRequest, DecodeRequest
from jepa_retrieval.media.workers.child import decoder_environment

logger = logging.getLogger(__name__)

_START_SECONDS = 60.0  # that a worker may take to start, on top of the timeout, on a very busy machine
_PIPE_BYTES = 2**20
_MAX_LOGGED_BYTES = 4000  # of what a process printed before it ended


class WorkerProcess:
    """One decoder process, `python -m jepa_retrieval.media.workers.worker`.

    Attributes:
        busy: it reads a file.
        ready: it has started.
        hung: it was killed because it gave no sign of life.
        served: files that it has read to their end.

    Raises:
        MediaError: the process cannot be started.
    """

    def __init__(self) -> None:
        self._printed: IO[bytes] = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115 - lives as long as the process
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "jepa_retrieval.media.workers.worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=self._printed,
                env=decoder_environment(),
            )
        except OSError as error:
            self._printed.close()
            raise MediaError(f"the decoder process could not be started: {error}") from error
        _widen(self._process.stdout)
        self.busy = False
        self.ready = False
        self.hung = False
        self.served = 0
        self._waiting_since: float | None = None

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def send(self, request: DecodeRequest | StreamRequest | CallRequest | int) -> None:
        """Ask for a file, a stream, some events of a stream, or the result of a function.

        Raises:
            OSError: the process has ended.
        """
        assert self._process.stdin is not None
        if isinstance(request, DecodeRequest | CallRequest):
            # This process may have changed its working directory since the worker started.
            request = dataclasses.replace(request, path=Path(os.path.abspath(request.path)))
        pickle.dump(request, self._process.stdin, protocol=5)
        self._process.stdin.flush()

    def receive(self) -> list[tuple[Any, ...]]:
        """Wait for the next message. Raises EOFError if the process has ended."""
        assert self._process.stdout is not None
        self._waiting_since = time.monotonic()
        try:
            message: list[tuple[Any, ...]] = pickle.load(self._process.stdout)
        except (pickle.UnpicklingError, OSError, ValueError) as error:
            raise EOFError from error
        finally:
            self._waiting_since = None
        return message

    def silent_for(self) -> float:
        """Seconds for which `receive` has been waiting."""
        since = self._waiting_since
        return 0.0 if since is None else time.monotonic() - since

    def kill_if_silent(self, timeout: float) -> None:
        """Kill the process if it is silent for over `timeout` seconds; one that has yet to start gets more."""
        if self.silent_for() > timeout + (0.0 if self.ready else _START_SECONDS):
            self.hung = True
            self.kill()

    def kill(self) -> None:
        """End the process now; a waiting `receive` raises EOFError."""
        self._process.kill()

    def close(self) -> None:
        """Kill the process, wait for it and release its pipes."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._printed):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def exit_reason(self, *, timeout: float) -> str:
        """Why the process ended, in a few words for the user; what it printed goes to the log.

        Args:
            timeout: seconds of silence after which it was killed, if it was for that.
        """
        if self.hung:
            of = "the decoder" if self.ready else "it"
            return f"{of} gave no sign of life for {timeout:g} seconds (${MAX_SILENCE.variable} allows more)"
        code = self._process.wait()
        with contextlib.suppress(OSError, ValueError):
            self._printed.seek(0)
            if text := self._printed.read()[-_MAX_LOGGED_BYTES:].decode(errors="replace").strip():
                logger.debug("decoder process %d printed: %s", self.pid, text)
                if not self.ready:
                    return text.splitlines()[-1]
        if code in (-signal.SIGTERM, -getattr(signal, "SIGKILL", 9)):
            return "the decoder was killed while reading it, perhaps for lack of memory"
        if code < 0:
            return f"the decoder crashed on it ({signal.Signals(-code).name})"
        return f"the decoder ended while reading it (status {code})"


def _widen(pipe: IO[bytes] | None) -> None:
    """Make a pipe hold a whole message: whenever it is full, two processes wait for each other."""
    with contextlib.suppress(ImportError, AttributeError, OSError):  # Linux only, up to a limit
        import fcntl

        if pipe is not None:
            fcntl.fcntl(pipe.fileno(), fcntl.F_SETPIPE_SZ, _PIPE_BYTES)
