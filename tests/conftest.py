"""Fixtures that several test folders share."""

import logging
import os
import signal
from pathlib import Path

import pytest
from hypothesis import settings

# How long an example takes depends on the machine, and tests are not timed.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

# What a script starts in the background ignores Ctrl-C, and so would the programs that tests start and stop.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

REPOSITORY = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of third-party data named by $JEPA_SHARED, default ../shared beside the checkout."""
    folder = Path(os.environ.get("JEPA_SHARED", REPOSITORY.parent / "shared")) / "data"
    if not folder.is_dir():
        pytest.skip(f"no shared data at {folder}: set $JEPA_SHARED")
    return folder


@pytest.fixture(autouse=True)
def plain_logging() -> None:
    """A test of the command line sets levels and handlers for its process: each test begins without them."""
    logging.getLogger().setLevel(logging.WARNING)
    runtime = logging.getLogger("jepa_retrieval.models.runtime")
    runtime.setLevel(logging.NOTSET)
    runtime.propagate, runtime.handlers = True, []
