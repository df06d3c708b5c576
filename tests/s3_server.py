"""An S3 server of our own, which is slow and fails now and then, and has a bucket that nobody may enter."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest


@dataclass
class S3Server:
    """A running server.

    Attributes:
        client: of boto3.
        fail_every: one of so many requests fails, and one is slow; 0: none.
        requests: methods and paths that were asked for.
    """

    client: Any
    fail_every: int = 0
    requests: list[tuple[str, str]] = field(default_factory=list)

    def reset(self) -> None:
        """Make the bucket empty, and requests succeed."""
        self.fail_every = 0
        self.requests.clear()
        for item in self.client.list_objects_v2(Bucket="media").get("Contents", []):
            self.client.delete_object(Bucket="media", Key=item["Key"])


@contextmanager
def s3_server() -> Iterator[S3Server]:
    """A server on 127.0.0.1 with an empty bucket "media" and a closed one "secret"; $AWS_... name it."""
    boto3 = pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server")
    serving = pytest.importorskip("werkzeug.serving")
    application = server.DomainDispatcherApplication(server.create_backend_app)
    state: list[S3Server] = []
    count = 0

    def answer(environ: Any, start_response: Any) -> Any:
        nonlocal count
        count += 1
        path = environ["PATH_INFO"]
        if state:
            state[0].requests.append((environ["REQUEST_METHOD"], path))
            every = state[0].fail_every
            if every and count % every == 1:
                return _error(start_response, "503 Slow Down", "SlowDown")
            if every and count % every == 2:
                time.sleep(0.2)
        if path.startswith("/secret"):
            return _error(start_response, "403 Forbidden", "AccessDenied")
        return application(environ, start_response)

    # Its handler writes to the standard error of the test that the server was started in, which is closed later.
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    running = serving.make_server("127.0.0.1", 0, answer, threaded=True)
    thread = threading.Thread(target=running.serve_forever, daemon=True)
    thread.start()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{running.port}")
        patch.setenv("AWS_ACCESS_KEY_ID", "key-of-the-test")
        patch.setenv("AWS_SECRET_ACCESS_KEY", "secret-of-the-test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        client = boto3.client("s3")
        client.create_bucket(Bucket="media")
        state.append(S3Server(client))
        yield state[0]
        running.shutdown()
        thread.join()
        running.server_close()


def _error(start_response: Any, status: str, code: str) -> list[bytes]:
    start_response(status, [("Content-Type", "application/xml")])
    return [f"<?xml version='1.0'?><Error><Code>{code}</Code><Message>no</Message></Error>".encode()]
