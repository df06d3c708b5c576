"""Bodies of requests: received whole before anything is done with them, within bounds of size and time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope

from jepa_retrieval.serving.problems import ProblemError

_BODILESS = ("GET", "HEAD", "OPTIONS", "TRACE")


@dataclass(slots=True)
class BodyLimits:
    """The bounds, and how many bytes of all requests are being held now."""

    one: int  # bytes of one body
    together: int  # bytes of all bodies that are being received
    seconds: float  # in which a body must have come
    held: int = field(default=0, init=False)


async def received(scope: Scope, receive: Receive, limits: BodyLimits) -> Receive:
    """Receive the body of a request; returns what gives it to the application.

    Raises:
        ProblemError: it is too large (413), too slow (408), or too many are being received (503).
    """
    if scope["method"] in _BODILESS:
        return receive
    stated = Headers(scope=scope).get("content-length", "0")
    if not stated.isdigit():
        raise ProblemError(400, "Content-Length is not a number")
    if int(stated[:20]) > limits.one:
        raise _too_large(limits)
    try:
        async with asyncio.timeout(limits.seconds):
            body = await _read(receive, limits)
    except TimeoutError:
        raise ProblemError(
            408, f"the body did not come within {limits.seconds:g} seconds", {"Connection": "close"}
        ) from None
    first: list[Message] = [{"type": "http.request", "body": body, "more_body": False}]

    async def replay() -> Message:
        return first.pop() if first else await receive()

    return replay


async def _read(receive: Receive, limits: BodyLimits) -> bytes:
    chunks: list[bytes] = []
    size = 0
    try:
        while True:
            message = await receive()
            if message["type"] != "http.request":
                raise ProblemError(400, "the client has gone")
            chunk = message.get("body", b"")
            chunks.append(chunk)
            size += len(chunk)
            limits.held += len(chunk)
            if size > limits.one:
                raise _too_large(limits)
            if limits.held > limits.together:
                raise ProblemError(503, "too many large requests at once", {"Retry-After": "1"})
            if not message.get("more_body", False):
                return b"".join(chunks)
    finally:
        limits.held -= size


def _too_large(limits: BodyLimits) -> ProblemError:
    return ProblemError(413, f"the body is larger than {limits.one:,} bytes", {"Connection": "close"})
