"""The server process: sockets, signals, and connections that never finish their requests."""

from __future__ import annotations

import contextlib
import logging
import socket
import time
import webbrowser
from collections.abc import Callable
from typing import Any

import uvicorn
from uvicorn.protocols.http.auto import AutoHTTPProtocol

from jepa_retrieval.errors import UsageError
from jepa_retrieval.serving.app import create_app
from jepa_retrieval.serving.problems import problem_response
from jepa_retrieval.serving.security import SECURITY_HEADERS
from jepa_retrieval.serving.services import Services
from jepa_retrieval.serving.settings import ServeSettings

logger = logging.getLogger(__name__)

BACKLOG = 2048
GRACE_SECONDS = 5  # for requests in progress when the server is asked to stop
_WANTED_FILES = 65_536


def serve(settings: ServeSettings, *, on_ready: Callable[[str], None], open_browser: bool = False) -> None:
    """Serve until SIGINT or SIGTERM.

    Args:
        settings: what to serve.
        on_ready: told the address once requests are answered.
        open_browser: show the page in the user's browser then.

    Raises:
        UsageError: the address cannot be used.
        JepaError: an index cannot be served.
    """
    with listen(settings) as listening:
        services = Services.start(settings)
        host, port = listening.getsockname()[:2]
        address = f"http://{_shown(settings.host, host)}:{port}/"

        def ready() -> None:
            on_ready(address)
            if open_browser:
                webbrowser.open(address)

        allow_many_connections()
        Server(services, on_ready=ready).run(sockets=[listening])


class Server(uvicorn.Server):
    """Closes connections on which no complete header has come for a while, however many there are."""

    def __init__(self, services: Services, *, on_ready: Callable[[], None]) -> None:
        super().__init__(_config(services))
        self._slow_seconds = services.settings.slow_seconds
        self._on_ready = on_ready
        self._idle: dict[Any, tuple[int, float]] = {}  # connection: its last request, and since when

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and tell so."""
        await super().startup(sockets=sockets)
        if self.started:
            self._on_ready()

    async def on_tick(self, counter: int) -> bool:
        """Called ten times a second."""
        if counter % 10 == 0:
            self._close_slow_connections()
        return await super().on_tick(counter)

    def _close_slow_connections(self) -> None:
        now = time.monotonic()
        idle: dict[Any, tuple[int, float]] = {}
        for connection in list(self.server_state.connections):
            cycle = getattr(connection, "cycle", None)
            if cycle is not None and not cycle.response_complete:
                continue  # a request is being answered
            request, since = self._idle.get(connection, (id(cycle), now))
            if request != id(cycle):
                request, since = id(cycle), now
            if now - since > self._slow_seconds:
                connection.transport.close()
            else:
                idle[connection] = request, since
        self._idle = idle


class _Protocol(AutoHTTPProtocol):  # type: ignore[misc, valid-type]
    """Answers what is no request with a problem document, as all errors are."""

    def send_400_response(self, msg: str) -> None:
        """Answer and close the connection."""
        answer = problem_response(400, "the request is not valid HTTP, or its method is unknown")
        headers = [*answer.raw_headers, (b"connection", b"close")]
        headers += [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
        lines = [
            b"HTTP/1.1 400 Bad Request",
            *(b": ".join(pair) for pair in headers),
            b"",
            bytes(answer.body),
        ]
        self.transport.write(b"\r\n".join(lines))
        self.transport.close()


def _config(services: Services) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(services),
        backlog=BACKLOG,
        log_config=None,
        access_log=False,
        server_header=False,
        http=_Protocol,
        ws="none",
        timeout_keep_alive=15,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=64 * 2**10,
    )


def listen(settings: ServeSettings) -> socket.socket:
    """A socket at the address of the settings, on which nothing is accepted yet.

    Raises:
        UsageError: the address cannot be used.
    """
    try:
        found = socket.getaddrinfo(
            settings.host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )
        family, kind, protocol, _, address = found[0]
        listening = socket.socket(family, kind, protocol)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
        except OSError:
            listening.close()
            raise
    except OSError as error:
        said = (error.strerror or str(error)).lower()
        raise UsageError(f"cannot listen on {settings.host}, port {settings.port}: {said}") from error
    return listening


def _shown(asked: str, bound: str) -> str:
    """The host of an address that a person can open."""
    if asked in ("0.0.0.0", "::", ""):
        return "127.0.0.1"
    return f"[{bound}]" if ":" in bound else bound


def allow_many_connections() -> None:
    """Raise the soft limit of open files to the hard one: each connection is a file."""
    with contextlib.suppress(ImportError, ValueError, OSError):
        import resource

        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        wanted = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
        if soft < wanted:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
