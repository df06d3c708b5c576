"""Who may ask: the checks that every request passes before anything else looks at it.

A page on the web can make a browser send requests to a server on its user's own machine. The name in `Host` shows one
that was led here by its own DNS server (DNS rebinding); `Origin` and `Sec-Fetch-Site` show one that sends requests
across sites. Both are refused. Off the loopback interface a token is required, too.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from jepa_retrieval.serving.bodies import BodyLimits, received
from jepa_retrieval.serving.problems import ProblemError, problem_response
from jepa_retrieval.serving.settings import ServeSettings

COOKIE = "jepa_session"
_OPEN_PATHS = ("/healthz", "/readyz", "/v1/session")  # need no token
_PROTECTED = ("/v1/", "/mcp", "/metrics", "/docs", "/openapi.json")
SECURITY_HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
        "media-src 'self' blob:; connect-src 'self'; font-src 'self'; manifest-src 'self'; worker-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "x-frame-options": "DENY",
}


def session_cookie(token: str) -> str:
    """The value of the cookie that stands for the token in a browser; the token cannot be told from it."""
    return hmac.new(token.encode(), b"jepa serve: session", hashlib.sha256).hexdigest()


class Guard:
    """The outermost layer of the application; see the module."""

    def __init__(self, app: ASGIApp, *, settings: ServeSettings) -> None:
        self._app = app
        self._token = settings.token
        self._hosts = {
            _host_key(name) for name in ("localhost", "127.0.0.1", "[::1]", *settings.allowed_hosts)
        }
        if settings.host not in ("0.0.0.0", "::", ""):
            self._hosts.add(_host_key(f"[{settings.host}]" if ":" in settings.host else settings.host))
        self._limits = BodyLimits(settings.max_body_bytes, settings.max_bodies_bytes, settings.slow_seconds)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Check a request and pass it on."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        guarded = _with_headers(send)
        try:
            self._check(scope)
            receive = await received(scope, receive, self._limits)
        except ProblemError as problem:
            answer = problem_response(problem.status, problem.detail, headers=problem.headers)
            await answer(scope, receive, guarded)
            return
        await self._app(scope, receive, guarded)

    def _check(self, scope: Scope) -> None:
        headers = Headers(scope=scope)
        path = scope["path"]
        hosts = headers.getlist("host")
        if len(hosts) != 1 or _host_key(hosts[0]) not in self._hosts:
            raise ProblemError(
                421,
                "the server does not know itself by this Host; `jepa serve --allow-host NAME` adds a name",
            )
        self._check_origin(scope, headers, hosts[0])
        if self._token is None or path in _OPEN_PATHS or not path.startswith(_PROTECTED):
            return
        if not self._has_token(headers):
            raise ProblemError(
                401, "a token is required: Authorization: Bearer TOKEN", {"WWW-Authenticate": "Bearer"}
            )

    def _check_origin(self, scope: Scope, headers: Headers, host: str) -> None:
        origin = headers.get("origin")
        if origin is not None and not self._is_own(origin, host):
            raise ProblemError(403, "requests from pages of other sites are refused")
        opens_page = headers.get("sec-fetch-mode") == "navigate" and scope["method"] == "GET"
        if headers.get("sec-fetch-site") in ("cross-site", "same-site") and not (
            opens_page and not scope["path"].startswith(_PROTECTED)
        ):
            raise ProblemError(403, "requests from pages of other sites are refused")

    def _is_own(self, origin: str, host: str) -> bool:
        """Whether an origin is that of this server: the host by which it is addressed, with the same port."""
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        # A reverse proxy with TLS passes http on: the scheme may differ, the host must not.
        return parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()

    def _has_token(self, headers: Headers) -> bool:
        assert self._token is not None
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer" and _same(given.strip(), self._token):
            return True
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return False
        cookie = cookies.get(COOKIE)
        return cookie is not None and _same(cookie.value, session_cookie(self._token))


def is_token(given: str, token: str | None) -> bool:
    """Whether a client has presented the right token; any is, where none is needed."""
    return token is None or _same(given, token)


def _same(given: str, wanted: str) -> bool:
    """Compare without telling by the time how much was right."""
    return hmac.compare_digest(given.encode("utf-8", "replace"), wanted.encode())


def _host_key(host: str) -> str:
    """A host without its port, in lower case."""
    host = host.strip().lower().rstrip(".")
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.rpartition(":")[0] if host.count(":") == 1 else host


def _with_headers(send: Send) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _missing(headers, SECURITY_HEADERS.items()):
                headers[name] = value
        await send(message)

    return sending


def _missing(headers: MutableHeaders, wanted: Iterable[tuple[str, str]]) -> list[tuple[str, str]]:
    return [(name, value) for name, value in wanted if name not in headers]
