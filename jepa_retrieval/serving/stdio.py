"""The tools over standard input and output, for programs that start `jepa mcp` themselves."""

from __future__ import annotations

import asyncio
import contextlib

import anyio

from jepa_retrieval.serving.app import follow_commits
from jepa_retrieval.serving.assistants.tools import build_server
from jepa_retrieval.serving.services import Services
from jepa_retrieval.serving.settings import ServeSettings


def serve_stdio(settings: ServeSettings) -> None:
    """Answer until standard input ends.

    Raises:
        JepaError: an index cannot be served.
    """
    anyio.run(_serve, Services.start(settings))


async def _serve(services: Services) -> None:
    following = asyncio.create_task(follow_commits(services))
    try:
        await build_server(services).run_stdio_async()
    finally:
        following.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await following
        await services.close()
