"""Whether the head of a Ray cluster answers, asked before Ray is: Ray itself tries for a quarter of an hour."""

from __future__ import annotations

import socket
import subprocess
import sys

CONNECT_SECONDS = 5.0
ANSWER_SECONDS = 25.0
CLIENT_SCHEME = "ray://"
DEFAULT_PORT = 6379
DEFAULT_CLIENT_PORT = 10001


def with_port(address: str) -> str:
    """The address of a head with its port, if it is a host."""
    host, _, port = address.rpartition(":")
    named = address == "auto" or "://" in address or (host and port.isdigit())
    return address if named else f"{address}:{DEFAULT_PORT}"


def require_head(address: str) -> None:
    """Raise an error unless the head of a cluster answers.

    Args:
        address: as `with_port` returns it.

    Raises:
        OSError: no connection is made.
        ValueError: the address is none.
        ConnectionError: what is there does not answer as the head of a cluster.
    """
    if address.startswith(CLIENT_SCHEME):
        host, _, port = address.removeprefix(CLIENT_SCHEME).partition("/")[0].rpartition(":")
        _require_port(*((host, port) if host else (port, str(DEFAULT_CLIENT_PORT))))
        return
    if "://" in address:
        return
    if address != "auto":
        host, _, port = address.rpartition(":")
        _require_port(host, port)
    # In a process of its own: inside the library nothing interrupts Ray, and it prints what it tries.
    command = [sys.executable, "-m", "ray.scripts.scripts", "health-check", "--skip-version-check"]
    try:
        done = subprocess.run(
            [*command, "--address", address],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=ANSWER_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ConnectionError(f"no head of a cluster answers within {ANSWER_SECONDS:.0f} s") from None
    if done.returncode:
        raise ConnectionError("there is no head of a cluster that answers")


def _require_port(host: str, port: str) -> None:
    if not port.isdigit() or not 0 < int(port) < 1 << 16:
        raise ValueError(f"'{port}' is not a port")
    with socket.create_connection((host.strip("[]"), int(port)), timeout=CONNECT_SECONDS):
        pass
