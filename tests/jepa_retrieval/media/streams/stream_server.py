"""A small HTTP server that behaves like a camera: it sends, breaks off, comes back."""

from __future__ import annotations

import struct
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import IO

Send = Callable[[int, IO[bytes]], None]


@contextmanager
def serve(send: Send) -> Iterator[str]:
    """Serve a stream on 127.0.0.1; yields its URL.

    `send` writes the body of the n-th connection (from 0) and returns, or raises, to end it.
    """
    connections = iter(range(10_000))

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.headers.get("Range", "bytes=0-") != "bytes=0-":
                self.send_error(416)  # a live stream has no places to go to
                return
            self.send_response(200)
            self.send_header("Content-Type", "video/mp2t")
            self.end_headers()
            try:
                send(next(connections), self.wfile)
            except OSError:
                return  # the reader has left

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/live.ts"
    finally:
        server.shutdown()
        server.server_close()


def trickle(file: IO[bytes], data: bytes, *, seconds: float, pieces: int = 20) -> None:
    """Write `data` over some seconds, as a camera does."""
    size = len(data) // pieces + 1
    for start in range(0, len(data), size):
        file.write(data[start : start + size])
        file.flush()
        time.sleep(seconds / pieces)


@contextmanager
def serve_rtsp(data: bytes, *, seconds: float) -> Iterator[str]:
    """An RTSP camera on 127.0.0.1: a transport stream in RTP packets inside the connection (RFC 2326, 10.12)."""

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                headers = {}
                while (header := self.rfile.readline().strip()) != b"":
                    name, _, value = header.partition(b":")
                    headers[name.strip().lower()] = value.strip().decode()
                method = line.split()[0].decode()
                self._answer(method, headers.get(b"cseq", "0"))
                if method == "PLAY":
                    self._play()
                    return

        def _answer(self, method: str, number: str) -> None:
            session = ("v=0", "o=- 0 0 IN IP4 127.0.0.1", "s=camera", "t=0 0")
            body = "".join(f"{line}\r\n" for line in (*session, "m=video 0 RTP/AVP 33", "a=control:track"))
            extra = {
                "OPTIONS": "Public: DESCRIBE, SETUP, PLAY\r\n",
                "DESCRIBE": f"Content-Type: application/sdp\r\nContent-Length: {len(body)}\r\n",
                "SETUP": "Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1\r\n",
            }.get(method, "Session: 1\r\n")
            answer = f"RTSP/1.0 200 OK\r\nCSeq: {number}\r\n{extra}\r\n"
            self.wfile.write((answer + (body if method == "DESCRIBE" else "")).encode())

        def _play(self) -> None:
            size = 7 * 188
            pieces = [data[start : start + size] for start in range(0, len(data), size)]
            for number, piece in enumerate(pieces):
                moment = int(90_000 * seconds * number / len(pieces))
                packet = struct.pack(">BBHII", 0x80, 33, number & 0xFFFF, moment, 1) + piece
                try:
                    self.wfile.write(b"$\0" + struct.pack(">H", len(packet)) + packet)
                except OSError:
                    return
                time.sleep(seconds / len(pieces))

    server = ThreadingTCPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"rtsp://127.0.0.1:{server.server_address[1]}/camera"
    finally:
        server.shutdown()
        server.server_close()
