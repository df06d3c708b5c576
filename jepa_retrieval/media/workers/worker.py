"""A decoder process: `python -m jepa_retrieval.media.workers.worker`, started by `WorkerProcess`.

It reads pickled requests from standard input and writes pickled messages to standard output, each a list of items. An
empty list says that it is alive. It ends when standard input does, so it never outlives its owner.

First `("ready",)`. Then per `DecodeRequest` `("probed", MediaInfo)`, `("windows", [MediaWindow, ...])`, and at last
`("finished", hash, duration, warnings, partial, fetched)`, `("failed", reason)` or, if no file can be read as it
asks, `("unusable", reason)`. Per `CallRequest` `("result", value)`, or one of these two.

After a `StreamRequest` the owner asks for a number of events again and again; each time it gets
`("events", [StreamEvent, ...], StreamCounters, windows that are ready)`, or at last `("ended", StreamCounters)`,
`("failed", reason)` or, if the request makes no sense here, `("refused", sentence)`.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import signal
import threading
import traceback
from typing import BinaryIO

from jepa_retrieval.errors import JepaError, MediaError, UnreadableMediaError, UsageError
from jepa_retrieval.media.reasons import library_reason
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.media.types import CallRequest, DecodeRequest, MediaWindow, ReadReport
from jepa_retrieval.media.workers.child import limit_memory
from jepa_retrieval.media.workers.outbox import Outbox

_POLL_SECONDS = 0.5
_PATIENCE = 20.0  # seconds without progress in a stream, beyond what it may wait for a connection

Requests = queue.SimpleQueue[DecodeRequest | StreamRequest | CallRequest | int]


def serve(request: DecodeRequest | CallRequest, outbox: Outbox) -> None:
    """Read one file and send its events, or call one function and send its result."""
    try:
        if isinstance(request, CallRequest):
            value = request.function(request.path, *request.arguments, on_tick=outbox.tick)
            outbox.add(("result", value))
        else:
            _read(request, outbox)
    except UnreadableMediaError as error:
        outbox.add(("failed", error.reason))
    except MediaError as error:
        outbox.add(("unusable", str(error)))
    except JepaError as error:
        outbox.add(("failed", str(error)))
    except MemoryError as error:
        outbox.add(("failed", library_reason(error)))
    except Exception as error:
        traceback.print_exc()
        outbox.add(("failed", f"unexpected {type(error).__name__} while decoding"))
    outbox.flush()


def _read(request: DecodeRequest, outbox: Outbox) -> None:
    from jepa_retrieval.media.hashing import content_hash
    from jepa_retrieval.media.probing import probe
    from jepa_retrieval.media.reasons import check_regular_file
    from jepa_retrieval.media.sources.remote import bytes_fetched
    from jepa_retrieval.media.windows import read_windows

    fetched = bytes_fetched()
    before = check_regular_file(request.path)
    info = probe(request.path, sound=request.sound, on_tick=outbox.tick)
    outbox.add(("probed", info))
    report = ReadReport()
    if info.kind == "audio":
        from jepa_retrieval.media.sound.describing import read_sound_extent

        read_sound_extent(request.path, report, on_tick=outbox.tick)
    else:
        for window in read_windows(request, report=report, on_tick=outbox.tick):
            outbox.add(("windows", [window]), _bytes_of(window))
    digest = content_hash(request.path, on_tick=outbox.tick) if request.hash_content else ""
    after = check_regular_file(request.path)
    if before != after:
        raise UnreadableMediaError(request.path, "was changed while it was read")
    partial = "; ".join(report.partial) or None
    outbox.add(
        ("finished", digest, report.duration, tuple(report.warnings), partial, bytes_fetched() - fetched)
    )


def serve_stream(request: StreamRequest, asked: Requests, outbox: Outbox) -> None:
    """Read a stream, and send its events as they are asked for."""
    from jepa_retrieval.media.streams.reader import StreamReader

    patience = request.max_delay + 2 * request.timeout + _PATIENCE
    try:
        with StreamReader(request) as reader:
            limit = asked.get()
            assert isinstance(limit, int)
            while not reader.ended:
                if events := reader.take(limit, timeout=_POLL_SECONDS):
                    outbox.add(("events", events, reader.counters, reader.waiting))
                    outbox.flush()
                    asked.get()
                elif reader.idle < patience:
                    outbox.tick()
            outbox.add(("ended", reader.counters))
    except UnreadableMediaError as error:
        outbox.add(("failed", error.reason))
    except UsageError as error:
        outbox.add(("refused", str(error)))
    except Exception as error:
        traceback.print_exc()
        outbox.add(("failed", f"unexpected {type(error).__name__} while decoding"))
    outbox.flush()


def _bytes_of(window: MediaWindow) -> int:
    return window.frames.nbytes + len(window.thumbnail or b"")


def _receive(stream: BinaryIO, requests: Requests) -> None:
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


def main() -> None:
    """Serve requests until standard input ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the parent's to handle
    incoming, outgoing = _own_streams()
    limit_memory()
    outbox = Outbox(outgoing)
    outbox.add(("ready",))
    outbox.flush()
    import av  # noqa: F401 - while the parent is still busy preparing
    import numpy  # noqa: F401

    requests: Requests = queue.SimpleQueue()
    threading.Thread(target=_receive, args=(incoming, requests), daemon=True).start()
    while True:
        request = requests.get()
        with contextlib.suppress(OSError):
            os.ftruncate(2, 0)  # keep only what is printed about the current file
        if isinstance(request, StreamRequest):
            serve_stream(request, requests, outbox)
        elif isinstance(request, DecodeRequest | CallRequest):
            serve(request, outbox)


if __name__ == "__main__":
    main()
