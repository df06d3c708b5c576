"""An indexing run of the CLI that is killed in the middle of what follows the embedding."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.waiting import wait_for


def kill_indexing(folder: Path, option: str, *, has_begun: Callable[[], bool]) -> None:
    """Run `jepa index FOLDER OPTION`, and kill it a second after it has begun with what the option asks for."""
    command = [sys.executable, "-m", "cli.main", "index", str(folder), option]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=os.environ)
    try:
        wait_for(lambda: has_begun() or process.poll() is not None)
        time.sleep(1.0)
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
