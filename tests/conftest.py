"""Fixtures that several test folders share."""

import logging
import os
import signal
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

from jepa_retrieval.media.sources import remote
from tests.s3_server import S3Server, s3_server

# How long an example takes depends on the machine, and tests are not timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What a script starts in the background ignores Ctrl-C, and so would the programs that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# Beside a busy process, threads of OpenMP that spin while they wait make small networks a hundred times slower. It is
# set before anything loads OpenMP; programs that tests start take it over.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # there is a worker for each core

REPOSITORY = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files that are marked as long come first: one begun last would leave the other cores idle."""
    items.sort(key=lambda item: item.get_closest_marker("long") is None)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party data named by $JEPA_SHARED, default ../shared beside the checkout."""
    folder = Path(os.environ.get("JEPA_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set $JEPA_SHARED")
    return folder


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any, error: object) -> None:
    """pytest-xdist does not tell how a test process died: a negative number is that of a signal."""
    if error is not None:
        status = node.gateway._io.popen.wait()
        sys.stderr.write(
            f"\ntest process {node.gateway.id} ended with status {status} at {datetime.now():%H:%M:%S}\n"
        )


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call() -> Iterator[object]:
    """pytest's variable that names the test would make each test start decoder processes of its own."""
    os.environ.pop("PYTEST_CURRENT_TEST", None)
    return (yield)


@pytest.fixture(autouse=True)
def plain_logging() -> None:
    """Tests of commands and benchmarks set levels and handlers for their process: each test begins without them."""
    logging.disable(logging.NOTSET)
    logging.getLogger().setLevel(logging.WARNING)
    for name in (
        "jepa_retrieval.models.runtime",
        "jepa_retrieval.serving.watching",
    ):  # SHOWN_LOGS of cli.main
        logger = logging.getLogger(name)
        logger.setLevel(logging.NOTSET)
        logger.propagate, logger.handlers = True, []


@pytest.fixture(scope="session")
def running_s3_server() -> Iterator[S3Server]:
    """One server for all tests of a process: it takes seconds to start."""
    pytest.importorskip("s3fs")
    with s3_server() as running:
        yield running


@pytest.fixture
def s3(running_s3_server: S3Server) -> Iterator[S3Server]:
    """An S3 server with the empty bucket s3://media; see `S3Server`."""
    yield running_s3_server
    running_s3_server.reset()
    remote.forget()
