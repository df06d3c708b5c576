"""Indexing with workers of a real Ray cluster: the tests of `runs_on_a_cluster.py`, in a process of their own.

Ray stays in a process that has used it: its threads run on, it takes over the handlers of crashes, and it may end the
process when its head is gone. Whatever else is tested in this process shall not meet that.
"""

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.long

TESTS = Path(__file__).with_name("runs_on_a_cluster.py")
LIMIT = 900  # seconds, of all of them; each has the usual limit


@pytest.mark.timeout(LIMIT + 30)
def test_runs_on_a_cluster() -> None:
    pytest.importorskip("ray")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", "-v", str(TESTS)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=LIMIT)
    assert done.returncode == 0, done.stdout[-20000:] + done.stderr[-2000:]
