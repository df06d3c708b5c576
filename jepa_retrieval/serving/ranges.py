"""Files over HTTP, whole or a range of them (RFC 9110, section 14)."""

from __future__ import annotations

import email.utils
import re
from pathlib import Path
from typing import NamedTuple

import anyio.to_thread
from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from jepa_retrieval.serving.opened_files import OpenedFile, open_readable
from jepa_retrieval.serving.problems import problem_response

_RANGE = re.compile(r"bytes=\s*(\d{0,18})-(\d{0,18})\s*")
# A file must not act as a page of this site, whatever its content.
_HEADERS = {
    "accept-ranges": "bytes",
    "cache-control": "private, no-cache",
    "content-security-policy": "default-src 'none'; sandbox",
}


class UnsatisfiableRangeError(Exception):
    """A range that begins after the end of the file."""


class Range(NamedTuple):
    """Bytes of a file: the first, and the one after the last."""

    start: int
    stop: int


def parse_range(header: str | None, size: int) -> Range | None:
    """The range that a request asks for; None for the whole file.

    A header that is not valid, or asks for several ranges, is ignored, as RFC 9110 allows.

    Raises:
        UnsatisfiableRangeError: there is nothing in the range.
    """
    found = None if header is None else _RANGE.fullmatch(header.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:  # the last so many bytes
        length = min(int(found[2]), size)
        if length == 0:
            raise UnsatisfiableRangeError
        return Range(size - length, size)
    start = int(found[1])
    if found[2] and int(found[2]) < start:
        return None
    if start >= size:
        raise UnsatisfiableRangeError
    return Range(start, min(int(found[2]) + 1, size) if found[2] else size)


class FileStream(Response):
    """A file as a response. It is read as the client takes it."""

    def __init__(self, path: Path, *, media_type: str) -> None:
        super().__init__(media_type=media_type)
        self._path = path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file, a range of it, or that it has not changed."""
        file = await anyio.to_thread.run_sync(open_readable, self._path)
        try:
            await self._send(scope, receive, send, file)
        finally:
            file.close()

    async def _send(self, scope: Scope, receive: Receive, send: Send, file: OpenedFile) -> None:
        asked = Headers(scope=scope)
        headers = {**_HEADERS, "content-type": self.media_type or "application/octet-stream"}
        etag = None if file.etag is None else f'"{file.etag}"'
        if etag is not None:
            headers["etag"] = etag
        if file.mtime_ns:
            headers["last-modified"] = email.utils.formatdate(file.mtime_ns / 1e9, usegmt=True)
        if etag in [part.strip() for part in asked.get("if-none-match", "").split(",")]:
            await _start(send, 304, headers)
            await send({"type": "http.response.body", "body": b""})
            return
        condition = asked.get("if-range")
        wanted = asked.get("range") if condition in (None, etag) else None
        try:
            part = parse_range(wanted, file.size)
        except UnsatisfiableRangeError:
            headers = {"content-range": f"bytes */{file.size}"}
            await problem_response(416, "the range begins after the end of the file", headers=headers)(
                scope, receive, send
            )
            return
        start, stop = part or (0, file.size)
        headers["content-length"] = str(stop - start)
        if part is not None:
            headers["content-range"] = f"bytes {start}-{stop - 1}/{file.size}"
        await _start(send, 200 if part is None else 206, headers)
        if scope["method"] == "HEAD":
            stop = start
        while start < stop:
            chunk = await anyio.to_thread.run_sync(file.read, start, min(file.chunk, stop - start))
            if not chunk:
                raise OSError(f"{self._path}: became shorter while it was sent")
            start += len(chunk)
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        await send({"type": "http.response.body", "body": b""})


async def _start(send: Send, status: int, headers: dict[str, str]) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": status, "headers": raw})
