"""Previews as they are being made: one process each, a few at a time, ended when the client goes away."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from prometheus_client import Gauge

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.workers.child import decoder_environment
from jepa_retrieval.serving.previews.request import FAILED, PreviewRequest
from jepa_retrieval.serving.problems import ProblemError

CHUNK = 64 * 2**10
MAX_SILENCE = 60.0  # seconds without a byte after which a process that is being read is killed
_WAIT = 5.0  # seconds that a request may wait for its turn
_MAX_REASON = 4000  # bytes of standard error that are looked at


class Previews:
    """Starts the processes, and keeps count of them."""

    def __init__(self, limit: int, gauge: Gauge | None = None) -> None:
        self._turn = asyncio.Semaphore(limit)
        self._processes: set[asyncio.subprocess.Process] = set()
        self._gauge = gauge

    async def open(self, request: PreviewRequest) -> AsyncIterator[bytes]:
        """The preview, piece by piece. It has begun when this returns; close the iterator to end it.

        Raises:
            ProblemError: too many are being made.
            UnreadableMediaError: nothing of the file can be shown.
        """
        try:
            async with asyncio.timeout(_WAIT):
                await self._turn.acquire()
        except TimeoutError:
            raise ProblemError(503, "too many previews at once", {"Retry-After": "2"}) from None
        pieces = self._pieces(request)
        try:
            first = await anext(pieces)
        except StopAsyncIteration:
            raise UnreadableMediaError(request.path, "has nothing to show there") from None
        return _with_first(first, pieces)

    async def close(self) -> None:
        """End all of them."""
        for process in list(self._processes):
            with contextlib.suppress(ProcessLookupError):
                process.kill()

    async def _pieces(self, request: PreviewRequest) -> AsyncIterator[bytes]:
        process: asyncio.subprocess.Process | None = None
        try:
            process = await _start(request)
            self._processes.add(process)
            self._count()
            assert process.stdout is not None
            sent = False
            while piece := await _next_piece(process, request):
                sent = True
                yield piece
            await _check(process, request, sent=sent)
        finally:
            if process is not None:
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                self._processes.discard(process)
                self._count()
            self._turn.release()

    def _count(self) -> None:
        if self._gauge is not None:
            self._gauge.set(len(self._processes))


async def _with_first(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        await rest.aclose()  # type: ignore[attr-defined]


async def _start(request: PreviewRequest) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "jepa_retrieval.serving.previews.process",
        request.to_text(),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=decoder_environment(),
        limit=2 * CHUNK,
    )


async def _next_piece(process: asyncio.subprocess.Process, request: PreviewRequest) -> bytes:
    assert process.stdout is not None
    try:
        async with asyncio.timeout(MAX_SILENCE):
            return await process.stdout.read(CHUNK)
    except TimeoutError:
        raise UnreadableMediaError(request.path, f"gave nothing for {MAX_SILENCE:g} seconds") from None


async def _check(process: asyncio.subprocess.Process, request: PreviewRequest, *, sent: bool) -> None:
    """Raise the reason if a process ended before it wrote anything; later, the preview just ends."""
    assert process.stderr is not None
    printed = (await process.stderr.read())[-_MAX_REASON:].decode(errors="replace").strip()
    status = await process.wait()
    if sent or status == 0:
        return
    if status == FAILED and printed:
        raise UnreadableMediaError(request.path, printed.splitlines()[-1])
    raise UnreadableMediaError(request.path, "cannot be shown: the decoder ended while reading it")
