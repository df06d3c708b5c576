"""Reads one file in a worker process, as `read_windows` does in this one."""

from __future__ import annotations

from collections.abc import Iterator

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.types import Decoded, DecodeRequest, Failed, Finished, MediaWindow, ReadReport
from jepa_retrieval.media.workers.kept import KeptWorkers
from jepa_retrieval.media.workers.pool import DecodePool

_kept = KeptWorkers(lambda: DecodePool(workers=1))


def decode_windows(request: DecodeRequest, *, report: ReadReport | None = None) -> Iterator[MediaWindow]:
    """Read one file window by window, in order of time: a crash or a hang of the decoder is an error, no more.

    As many workers are kept as callers read at the same time.

    Args:
        request: what to read.
        report: filled with the duration and warnings by the time that the last window was yielded.

    Raises:
        UnreadableMediaError: nothing of the file, or of the interval asked for, can be decoded.
        MediaError: decoder processes cannot be started on this machine, or the decoder is not installed.
    """
    pool = _kept.take()
    try:
        for event in pool.run([request]):
            match event:
                case Decoded():
                    yield from event.windows
                case Finished() if report is not None:
                    report.duration = event.duration
                    report.warnings += event.warnings
                    report.partial += [event.partial] if event.partial else []
                case Failed():
                    raise UnreadableMediaError(request.path, event.reason)
    finally:
        _kept.keep(pool)
