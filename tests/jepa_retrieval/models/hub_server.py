"""A server that speaks as much of the Hugging Face hub's protocol as its library asks for, on this machine."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

COMMIT = "c0ffee" * 6 + "abcd"
NEWER = "decade" * 6 + "abcd"


@dataclass
class HubRepository:
    """What the server says of a repository."""

    files: dict[str, bytes]
    licence: str = "mit"
    gated: bool = False
    commit: str = COMMIT


@dataclass
class Hub:
    """The repositories, what was asked for, and what goes wrong."""

    url: str = ""
    repositories: dict[str, HubRepository] = field(default_factory=dict)
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range
    cut_after: int | None = None  # bytes of a file after which connections break
    cuts: int = 0  # how many connections are still to break
    damaged: bool = False  # whether the bytes of files are others than it says
    token: str = "hf_secret"

    @property
    def downloads(self) -> list[str]:
        """The files that were downloaded, in order."""
        return [
            path.partition("/resolve/")[2].partition("/")[2]
            for method, path, _ in self.requests
            if method == "GET" and "/resolve/" in path
        ]


@contextmanager
def running_hub() -> Iterator[Hub]:
    """Start the server; its address is the hub's `url`."""
    hub = Hub()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, *, body: bool) -> None:
            path = unquote(self.path.partition("?")[0])
            hub.requests.append((self.command, path, self.headers.get("Range", "")))
            if path.startswith("/api/models/"):
                name, _, revision = path.removeprefix("/api/models/").partition("/revision/")
                self.describe(name, revision, body)
            else:
                name, _, rest = path.lstrip("/").partition("/resolve/")
                revision, _, file = rest.partition("/")
                self.send_file(name, revision, file, body)

        def describe(self, name: str, revision: str, body: bool) -> None:
            repository = hub.repositories.get(name)
            if repository is None:
                self.refuse(404 if self.is_logged_in() else 401, "RepoNotFound", "Repository Not Found")
                return
            if revision not in ("", "main", repository.commit):
                self.refuse(404, "RevisionNotFound", "Revision Not Found")
                return
            document: dict[str, Any] = {
                "id": name,
                "modelId": name,
                "sha": repository.commit,
                "gated": "manual" if repository.gated else False,
                "private": False,
                "tags": [],
                "downloads": 0,
                "likes": 0,
                "cardData": {"license": repository.licence},
                "siblings": [
                    {"rfilename": file, "size": len(content)} for file, content in repository.files.items()
                ],
            }
            self.send(200, json.dumps(document).encode(), body, {"Content-Type": "application/json"})

        def send_file(self, name: str, revision: str, file: str, body: bool) -> None:
            repository = hub.repositories.get(name)
            if repository is None:
                self.refuse(401, "RepoNotFound", "Repository Not Found")
            elif repository.gated and not self.is_logged_in():
                self.refuse(
                    401,
                    "GatedRepo",
                    f"Access to model {name} is restricted.\nYou must have access to it and be authenticated.",
                )
            elif revision not in ("main", repository.commit):
                self.refuse(404, "RevisionNotFound", "Revision Not Found")
            elif file not in repository.files:
                self.refuse(404, "EntryNotFound", "Entry Not Found", {"X-Repo-Commit": repository.commit})
            else:
                content = repository.files[file]
                start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").split("-")[0])
                headers = {
                    "X-Repo-Commit": repository.commit,
                    "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
                    "X-Linked-Size": str(len(content)),
                    "Accept-Ranges": "bytes",
                }
                if hub.damaged and body:
                    content = bytes(reversed(content))
                if start:
                    headers["Content-Range"] = f"bytes {start}-{len(content) - 1}/{len(content)}"
                self.send(206 if start else 200, content[start:], body, headers)

        def is_logged_in(self) -> bool:
            return self.headers.get("Authorization") == f"Bearer {hub.token}"

        def refuse(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
            self.send(
                status,
                b"",
                True,
                {"X-Error-Code": code, "X-Error-Message": message.replace("\n", " "), **(headers or {})},
            )

        def send(self, status: int, content: bytes, body: bool, headers: dict[str, str]) -> None:
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            if not body or self.command == "HEAD":
                return
            if (
                hub.cut_after is not None
                and hub.cuts > 0
                and len(content) > hub.cut_after
                and status in (200, 206)
            ):
                hub.cuts -= 1
                self.wfile.write(content[: hub.cut_after])
                self.wfile.flush()
                self.close_connection = True
                self.connection.close()
                return
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield hub
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
