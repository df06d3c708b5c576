"""A decoder process: `python -m jepa_retrieval.media.workers.worker`, started by `DecodePool`.

It reads pickled requests from standard input and writes pickled messages to standard output, each a list of items:
`("ready",)` once; then per request `("probed", MediaInfo)`, `("windows", [MediaWindow, ...])`, and at last
`("finished", hash, duration, warnings, partial)`, `("failed", reason)` or, if no file can be read as it asks,
`("unusable", reason)`. An empty list says that it is alive. It ends when
standard input does, so it never outlives its parent.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import threading
import time
import traceback
from typing import Any, BinaryIO

from jepa_retrieval.errors import JepaError, MediaError, UnreadableMediaError
from jepa_retrieval.media.limits import WORKER_ADDRESS_SPACE
from jepa_retrieval.media.types import DecodeRequest, MediaWindow, ReadReport

_BATCH_BYTES = 2 * 2**20  # a message is sent when it holds this much,
_BATCH_SECONDS = 0.25  # or when the last one is this old
_MOST_WAITING = 4  # messages
_ALIVE_SECONDS = 1.0  # between signs of life where there is nothing to send

Item = tuple[Any, ...]


class Outbox:
    """Collects items and sends them in batches: many small pictures make few messages.

    A thread does the writing, so that decoding goes on while the parent is too busy to read; `flush` waits once
    `_MOST_WAITING` messages are unsent.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._items: list[Item] = []
        self._bytes = 0
        self._sent_at = time.monotonic()
        self._waiting: queue.Queue[list[Item]] = queue.Queue(_MOST_WAITING)
        threading.Thread(target=_send, args=(stream, self._waiting), daemon=True).start()

    def add(self, item: Item, size: int = 0) -> None:
        """Queue an item of about `size` bytes."""
        self._items.append(item)
        self._bytes += size
        if self._bytes >= _BATCH_BYTES or time.monotonic() - self._sent_at >= _BATCH_SECONDS:
            self.flush()

    def tick(self) -> None:
        """Show a sign of life if none was sent for a while."""
        if time.monotonic() - self._sent_at >= _ALIVE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is queued, be it nothing."""
        self._waiting.put(self._items)
        self._items, self._bytes, self._sent_at = [], 0, time.monotonic()


def _send(stream: BinaryIO, messages: queue.Queue[list[Item]]) -> None:
    """Write messages; end the process if the parent no longer reads."""
    with contextlib.suppress(OSError):
        while True:
            pickle.dump(messages.get(), stream, protocol=5)
            stream.flush()
    os._exit(0)


def serve(request: DecodeRequest, outbox: Outbox) -> None:
    """Read one file and send what comes of it."""
    try:
        _read(request, outbox)
    except UnreadableMediaError as error:
        outbox.add(("failed", error.reason))
    except MediaError as error:
        outbox.add(("unusable", str(error)))
    except JepaError as error:
        outbox.add(("failed", str(error)))
    except MemoryError:
        outbox.add(("failed", "decoding needs more memory than allowed"))
    except Exception as error:
        traceback.print_exc()
        outbox.add(("failed", f"unexpected {type(error).__name__} while decoding"))
    outbox.flush()


def _read(request: DecodeRequest, outbox: Outbox) -> None:
    from jepa_retrieval.media.hashing import content_hash
    from jepa_retrieval.media.probing import probe
    from jepa_retrieval.media.reasons import check_regular_file
    from jepa_retrieval.media.windows import read_windows

    before = check_regular_file(request.path)
    outbox.add(("probed", probe(request.path, on_tick=outbox.tick)))
    report = ReadReport()
    for window in read_windows(request, report=report, on_tick=outbox.tick):
        outbox.add(("windows", [window]), _bytes_of(window))
    digest = content_hash(request.path, on_tick=outbox.tick)
    after = check_regular_file(request.path)
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise UnreadableMediaError(request.path, "was changed while it was read")
    partial = "; ".join(report.partial) or None
    outbox.add(("finished", digest, report.duration, tuple(report.warnings), partial))


def _bytes_of(window: MediaWindow) -> int:
    return window.frames.nbytes + len(window.thumbnail or b"")


def _receive(stream: BinaryIO, requests: queue.SimpleQueue[DecodeRequest]) -> None:
    """Pass requests on; end the process, whatever it is doing, when the parent has closed the pipe or died."""
    with contextlib.suppress(Exception):
        while True:
            requests.put(pickle.load(stream))
    os._exit(0)


def _own_streams() -> tuple[BinaryIO, BinaryIO]:
    """Take the pipes for ourselves; what libraries print goes to standard error."""
    incoming = os.fdopen(os.dup(0), "rb")
    outgoing = os.fdopen(os.dup(1), "wb", buffering=2**16)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    os.dup2(2, 1)
    return incoming, outgoing


def _limit_memory() -> None:
    try:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (WORKER_ADDRESS_SPACE, WORKER_ADDRESS_SPACE))
    except (ImportError, ValueError, OSError):
        return  # Windows has no such limit, macOS may refuse it


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    incoming, outgoing = _own_streams()
    _limit_memory()
    outbox = Outbox(outgoing)
    outbox.add(("ready",))
    outbox.flush()
    import av  # noqa: F401 - while the parent is still busy preparing
    import numpy  # noqa: F401

    requests: queue.SimpleQueue[DecodeRequest] = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(incoming, requests), daemon=True).start()
    while True:
        request = requests.get()
        with contextlib.suppress(OSError):
            os.ftruncate(2, 0)  # keep only the noise of the file at hand
        serve(request, outbox)


if __name__ == "__main__":
    main()
