"""The application: routes, checks and errors put together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import anyio.to_thread
from fastapi import Depends, FastAPI
from mcp.server.transport_security import TransportSecuritySettings
from starlette.staticfiles import StaticFiles

from jepa_retrieval.serving.assistants.tools import build_server
from jepa_retrieval.serving.head import HeadAsGet
from jepa_retrieval.serving.metrics import Counted
from jepa_retrieval.serving.openapi import describe
from jepa_retrieval.serving.parameters import refuse_unknown_parameters
from jepa_retrieval.serving.problems import ProblemError, add_problem_handlers
from jepa_retrieval.serving.routes import (
    docs,
    duplicates,
    embeddings,
    export,
    files,
    foreseeing,
    jobs,
    media,
    saved,
    scores,
    search,
    system,
    tasks,
)
from jepa_retrieval.serving.security import Guard
from jepa_retrieval.serving.services import Services

logger = logging.getLogger(__name__)

PAGE = Path(__file__).parent / "page"
_ROUTERS = (
    search,
    media,
    files,
    scores,
    tasks,
    foreseeing,
    embeddings,
    jobs,
    export,
    duplicates,
    saved,
    system,
    docs,
)


def create_app(services: Services) -> FastAPI:
    """The ASGI application of a server; its lifespan closes the services."""

    assistants = build_server(services)
    # The guard checks Host and Origin already.
    unchecked = TransportSecuritySettings(enable_dns_rebinding_protection=False)
    tools = assistants.streamable_http_app(streamable_http_path="/mcp", transport_security=unchecked)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        refreshing = asyncio.create_task(follow_commits(services))
        preparing = asyncio.create_task(anyio.to_thread.run_sync(services.indexes.prepare_pictures))
        services.streams.start()
        try:
            async with assistants.session_manager.run():
                yield
        finally:
            services.ready = False
            refreshing.cancel()
            for task in (refreshing, preparing):
                with contextlib.suppress(asyncio.CancelledError):
                    await task
            await services.close()

    app = FastAPI(
        title="jepa-retrieval",
        version=version("jepa-retrieval"),
        lifespan=lifespan,
        dependencies=[Depends(refuse_unknown_parameters)],
        docs_url=None,  # FastAPI's own loads scripts from other hosts
        redoc_url=None,
    )
    app.state.services = services
    for module in _ROUTERS:
        app.include_router(module.router)
    app.router.routes.extend(tools.routes)
    describe(app)
    add_problem_handlers(app)
    app.add_middleware(HeadAsGet)
    app.add_middleware(Counted, metrics=services.metrics)
    app.add_middleware(Guard, settings=services.settings)
    app.mount("/", StaticFiles(directory=PAGE, html=True))
    return app


async def follow_commits(services: Services) -> None:
    """Take up new commits of the indexes while the server runs."""
    before = {commit.number: commit for commit in services.indexes.commits()}
    while True:
        await asyncio.sleep(services.settings.refresh_seconds)
        await anyio.to_thread.run_sync(services.indexes.refresh)
        now = {commit.number: commit for commit in services.indexes.commits()}
        if now != before:  # a job that has ended takes up its last commit itself
            services.metrics.refreshes.inc()
            try:
                await services.new_files.check(before, now)
            except ProblemError as problem:  # the file of saved searches
                logger.warning("%s", problem.detail)
            before = now
