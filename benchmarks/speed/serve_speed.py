"""What does HTTP cost? `jepa serve` beside `Library.search`; with many clients; while a folder is indexed; memory.

    python -m benchmarks.speed.serve_speed

Over 100,000 synthetic clips. Every search has a text of its own, so that nothing is answered from memory. One search
through HTTP and one through `Library.search` take turns; so do one client and 32 clients. Clients are processes apart
from the server, on the same cores. With --media, a job of the server indexes that folder meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import http.client
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.processes import jepa_program
from benchmarks.speed.query_latency import QUERIES, synthetic_library
from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import let_idle_threads_sleep

CLIENTS = 32
TOP = 10
WARM_UP = 20  # requests


def main() -> None:
    """Measure everything and print one table."""
    options = _arguments()
    let_idle_threads_sleep()  # as the server does
    table: list[list[object]] = []
    with tempfile.TemporaryDirectory() as temporary:
        folder = synthetic_library(
            (options.folder or Path(temporary)) / f"{options.clips} clips", clips=options.clips
        )
        with serving(folder) as server:
            table += side_by_side(server, Library.open(folder), options.searches)
            table += many_clients(server, options.rounds, options.seconds)
            if options.requests:
                table += memory(server, options.requests)
        if options.media is not None:
            other = Path(temporary) / "new"
            Library.create(options.media, index=other)
            with serving(folder, other) as server:
                table += while_indexing(server, options.searches)
        else:
            print("searches while a folder is being indexed are left out: --media names a folder")
    print_table(["over HTTP", "result"], table)
    print(save_result("serve_speed", {"clips": options.clips, "rows": table}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--clips", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5, help="of one client and of many, in turn")
    parser.add_argument("--seconds", type=float, default=4.0, help="of each")
    parser.add_argument(
        "--requests", type=int, default=50_000, help="after which memory is looked at; 0: not at all"
    )
    parser.add_argument("--media", type=Path, help="a folder that is indexed while searches are measured")
    parser.add_argument("--folder", type=Path, help="keep the index that is made here and use it again")
    return parser.parse_args()


@dataclass(frozen=True, slots=True)
class Server:
    """A running server."""

    host: str
    port: int
    pid: int

    def resident_mb(self) -> float:
        """Memory that it holds."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


@contextlib.contextmanager
def serving(*folders: Path) -> Iterator[Server]:
    """`jepa serve` over some indexes, warm."""
    indexes = [word for folder in folders for word in ("--index", str(folder))]
    command = [jepa_program(), "serve", *indexes, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            host, port = (
                json.loads(process.stdout.readline())["url"].removeprefix("http://").strip("/").split(":")
            )
            server = Server(host, int(port), process.pid)
            connection = http.client.HTTPConnection(server.host, server.port)
            for number in range(WARM_UP):
                _ask(connection, f"warm {number}")
            yield server
        finally:
            process.terminate()


def _ask(connection: http.client.HTTPConnection, text: str, **more: object) -> float:
    """Seconds of one search."""
    began = time.perf_counter()
    _asked(connection, "POST", "/v1/search", {"query": text, "top_k": TOP, **more})
    return time.perf_counter() - began


def _asked(
    connection: http.client.HTTPConnection, method: str, path: str, body: object = None
) -> dict[str, Any]:
    content = None if body is None else json.dumps(body)
    connection.request(method, path, content, {} if body is None else {"Content-Type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    if answer.status >= 300:
        raise SystemExit(f"{path}: status {answer.status}: {said[:200]!r}")
    found: dict[str, Any] = json.loads(said)
    return found


def side_by_side(server: Server, library: Library, searches: int) -> list[list[object]]:
    """One search through HTTP and one in this process, in turn."""
    connection = http.client.HTTPConnection(server.host, server.port)
    library.search(QUERIES[0], top=TOP)
    http_seconds, own_seconds = [], []
    for number in range(searches):
        text = QUERIES[number % len(QUERIES)]
        http_seconds.append(_ask(connection, f"{text}, number {number} of the first"))
        began = time.perf_counter()
        library.search(f"{text}, number {number} of the others", top=TOP)
        own_seconds.append(time.perf_counter() - began)
    mine, own = np.median(http_seconds) * 1000, np.median(own_seconds) * 1000
    return [
        ["text search, median ms", f"{mine:.1f}"],
        ["`Library.search` in turn with it, median ms", f"{own:.1f}"],
        ["ratio", f"{mine / own:.2f}"],
    ]


def many_clients(server: Server, rounds: int, seconds: float) -> list[list[object]]:
    """Searches per second of one client and of many, in turn."""
    rates: dict[int, list[float]] = {1: [], CLIENTS: []}
    for number in range(rounds):
        for clients in rates:
            rates[clients].append(_rate(server, clients, seconds, f"round {number}"))
    one, many = np.median(rates[1]), np.median(rates[CLIENTS])
    paired = np.median(np.array(rates[CLIENTS]) / np.array(rates[1]))
    return [
        ["searches a second, one client", f"{one:.0f}"],
        [f"searches a second, {CLIENTS} clients", f"{many:.0f}"],
        ["ratio, median of the rounds", f"{paired:.2f}"],
    ]


def _rate(server: Server, clients: int, seconds: float, salt: str) -> float:
    command = [sys.executable, "-c", _CLIENT, server.host, str(server.port), str(clients), str(seconds), salt]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return float(done.stdout)


def while_indexing(server: Server, searches: int) -> list[list[object]]:
    """Searches in the first index of a server while a job of it fills the second one."""
    connection = http.client.HTTPConnection(server.host, server.port)
    searched, indexed = (item["name"] for item in _asked(connection, "GET", "/v1/indexes")["data"])
    job = _asked(connection, "POST", "/v1/jobs/index", {"index": indexed})
    url, seconds = f"/v1/jobs/{job['id']}", []
    time.sleep(5)  # until it decodes
    for number in range(searches):
        if _asked(connection, "GET", url)["state"] not in ("waiting", "running"):
            break
        text = f"{QUERIES[number % len(QUERIES)]}, number {number} meanwhile"
        seconds.append(_ask(connection, text, indexes=[searched]))
        time.sleep(0.05)
    _asked(connection, "DELETE", url)
    if not seconds:
        return [["while another index is being filled", "the folder is too small"]]
    return [
        [
            f"while another index is being filled, median ms of {len(seconds)}",
            f"{np.median(seconds) * 1000:.1f}",
        ]
    ]


def memory(server: Server, requests: int) -> list[list[object]]:
    """Resident memory after about a tenth of the requests of many clients, and after all of them."""
    told: list[tuple[int, float]] = []
    done = 0.0
    for wanted in (requests / 10, requests):
        while done < wanted:
            seconds = 10.0
            done += seconds * _rate(server, CLIENTS, seconds, f"request {done:.0f}")
        told.append((round(done), server.resident_mb()))
    return [[f"memory after {number:,} requests, MB", f"{megabytes:.0f}"] for number, megabytes in told]


async def clients(host: str, port: int, count: int, seconds: float, salt: str) -> float:
    """Searches a second of `count` clients at once; raises if one is not answered."""
    end = time.perf_counter() + seconds

    async def one(name: int) -> int:
        reader, writer = await asyncio.open_connection(host, port)
        done = 0
        while time.perf_counter() < end:
            text = f"{QUERIES[done % len(QUERIES)]}, {salt}, client {name} of {count}, number {done}"
            body = json.dumps({"query": text, "top_k": TOP}).encode()
            head = f"POST /v1/search HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\n"
            writer.write(f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)
            header = await reader.readuntil(b"\r\n\r\n")
            if not header.startswith(b"HTTP/1.1 200"):
                raise SystemExit(header.decode())
            length = next(
                line for line in header.lower().split(b"\r\n") if line.startswith(b"content-length:")
            )
            await reader.readexactly(int(length.split(b":")[1]))
            done += 1
        writer.close()
        return done

    began = time.perf_counter()
    total = sum(await asyncio.gather(*(one(number) for number in range(count))))
    return total / (time.perf_counter() - began)


_CLIENT = """
import asyncio, sys
from benchmarks.speed.serve_speed import clients
host, port, count, seconds, salt = sys.argv[1:]
print(asyncio.run(clients(host, int(port), int(count), float(seconds), salt)))
"""


if __name__ == "__main__":
    main()
