"""What a server is started with, and the bounds that it keeps."""

from __future__ import annotations

import importlib.util
import ipaddress
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.errors import UsageError

DEFAULT_PORT = 8787
MIN_TOKEN_CHARS = 16
_NEEDED = ("fastapi", "uvicorn", "prometheus_client", "sse_starlette", "mcp")


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeSettings:
    """What a server is started with.

    Attributes:
        indexes: folders of the indexes, each either an index or a folder with one in `.jepa`.
        host: the address to listen on.
        port: 0 for one that is free.
        token: what clients must present; None only on the loopback interface.
        allowed_hosts: names, beside the usual ones of this machine's loopback interface and `host`, by which clients
            may address the server, as a reverse proxy passes them on.
        media_folders: folders beside the media roots whose indexed files may be read by clients.
        read_only: no jobs may be started.
        max_body_bytes: of one request.
        max_bodies_bytes: of all requests whose bodies are being received.
        slow_seconds: in which a request's header, and then its body, must have come.
        previews: how many files are transcoded at the same time.
        refresh_seconds: between looks for new commits.
        streams: cameras, addresses and files that are watched for saved searches, as `jepa watch` takes them.
        data_folder: where saved searches are kept; None for the user's folder of data.
    """

    indexes: Sequence[Path]
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    token: str | None = None
    allowed_hosts: Sequence[str] = ()
    media_folders: Sequence[Path] = ()
    read_only: bool = False
    max_body_bytes: int = 32 * 2**20
    max_bodies_bytes: int = 256 * 2**20
    slow_seconds: float = 30.0
    previews: int = 4
    refresh_seconds: float = 1.0
    streams: Sequence[str] = ()
    data_folder: Path | None = None

    def __post_init__(self) -> None:
        if not self.indexes:
            raise UsageError("there is no index to serve")
        if not 0 <= self.port < 2**16:
            raise UsageError(f"the port must be between 0 and 65535, not {self.port}")
        if self.token is None and not is_loopback(self.host):
            raise UsageError(
                f"a server on {self.host} can be reached from other machines and needs a token: "
                "put one into a file and give --token-file FILE, or set $JEPA_SERVE_TOKEN"
            )
        if self.token is not None and (
            len(self.token) < MIN_TOKEN_CHARS or not self.token.isascii() or not self.token.isprintable()
        ):
            raise UsageError(f"the token must have at least {MIN_TOKEN_CHARS} printable ASCII characters")


def is_loopback(host: str) -> bool:
    """Whether an address can be reached from this machine only."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def let_idle_threads_sleep() -> None:
    """Choose that OpenMP's threads wait asleep, unless the user chose otherwise; before anything loads OpenMP.

    By default they spin for a while after each search. In a server that is half of its work: searches come one after
    the other, and a core that spins is one that the next search, or indexing, does not get.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")


def require_extra(command: str) -> None:
    """Raise UsageError with the remedy if the packages of the extra `serve` are missing."""
    missing = [name for name in _NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"`{command}` needs packages that are not installed ({', '.join(missing)}): "
            "pip install 'jepa-retrieval[serve]'"
        )
