"""Answers HEAD as GET is answered, without the body."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send


class HeadAsGet:
    """Asks the application for GET and ends the answer with its headers; what would follow is not made."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""
        if scope["type"] != "http" or scope["method"] != "HEAD":
            await self._app(scope, receive, send)
            return
        inner = {**scope, "method": "GET"}
        begun = asyncio.Event()

        async def headers_only(message: Message) -> None:
            if message["type"] != "http.response.start" or begun.is_set():
                return
            scope["route"] = inner.get("route")  # for the metrics
            await send(message)
            await send({"type": "http.response.body", "body": b""})
            begun.set()

        answering = asyncio.ensure_future(self._app(inner, receive, headers_only))
        waiting = asyncio.ensure_future(begun.wait())
        try:
            await asyncio.wait({answering, waiting}, return_when=asyncio.FIRST_COMPLETED)
            if answering.done():
                answering.result()  # raises what the application raised
        finally:
            for task in (answering, waiting):
                task.cancel()
            await asyncio.gather(answering, waiting, return_exceptions=True)
