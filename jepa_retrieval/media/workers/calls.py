"""Calls a function on one file in a worker process, as `decode_windows` reads one there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from jepa_retrieval.errors import MediaError, UnreadableMediaError
from jepa_retrieval.media.limits import MAX_SILENCE
from jepa_retrieval.media.types import CallRequest
from jepa_retrieval.media.workers.kept import KeptWorkers
from jepa_retrieval.media.workers.process import WorkerProcess

_POLL_SECONDS = 0.5  # between looks for a hanging process

T = TypeVar("T")

_kept = KeptWorkers(WorkerProcess)


def call_in_worker(
    function: Callable[..., T], path: Path, *arguments: Any, timeout: float | None = None
) -> T:
    """The result of `function(path, *arguments, on_tick=...)` in a process that may crash or hang without harm.

    Args:
        function: see `CallRequest`.
        path: the media file.
        arguments: what else the function takes; pickled.
        timeout: seconds without a sign of life after which the process is killed; None: `limits.MAX_SILENCE`.

    Raises:
        UnreadableMediaError: the function raised it, or the process crashed or gave no sign of life.
        MediaError: decoder processes cannot be started on this machine, or the function raised it.
    """
    timeout = MAX_SILENCE.value if timeout is None else timeout
    request = CallRequest(function, path, arguments)
    while True:
        worker = _kept.take()
        try:
            value = _call(worker, request, timeout)
        except EOFError:
            reason = worker.exit_reason(timeout=timeout)
            worker.close()
            if not worker.ready:
                raise MediaError(f"the decoder process could not be started: {reason}") from None
            if worker.served and not worker.hung:
                continue  # what an earlier file did to it may show only now: once more in a fresh one
            raise UnreadableMediaError(path, reason) from None
        except MediaError:
            _keep(worker)  # it has answered
            raise
        except BaseException:
            worker.close()
            raise
        _keep(worker)
        return value


def _call(worker: WorkerProcess, request: CallRequest, timeout: float) -> Any:
    done = threading.Event()
    watchdog = threading.Thread(target=_kill_hanging, args=(worker, timeout, done), daemon=True)
    watchdog.start()
    try:
        worker.send(request)
        while True:
            for kind, *values in worker.receive():
                if kind == "ready":
                    worker.ready = True
                elif kind == "result":
                    return values[0]
                elif kind == "failed":
                    raise UnreadableMediaError(request.path, values[0])
                else:
                    raise MediaError(values[0])
    except OSError as error:
        raise EOFError from error
    finally:
        done.set()
        watchdog.join()


def _kill_hanging(worker: WorkerProcess, timeout: float, done: threading.Event) -> None:
    while not done.wait(_POLL_SECONDS):
        worker.kill_if_silent(timeout)


def _keep(worker: WorkerProcess) -> None:
    worker.served += 1
    _kept.keep(worker)
