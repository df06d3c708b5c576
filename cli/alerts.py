"""What `jepa watch --alert` does when an alert fires: a line, and a command if there is one."""

from __future__ import annotations

import os
import shlex
import subprocess

from cli import console
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.watching.alerts import Alert

_MOST_RUNNING = 8


class AlertCommand:
    """Runs a command for every alert, without waiting for it. No shell is involved.

    The command finds the alert in $JEPA_ALERT_TEXT, $JEPA_ALERT_START, $JEPA_ALERT_END (seconds) and
    $JEPA_ALERT_CONFIDENCE.
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--alert-command: {error}") from error
        if not self._words:
            raise UsageError("--alert-command is empty")
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, alert: Alert) -> None:
        """Start the command; a failure is a warning, for watching goes on."""
        self._running = [process for process in self._running if process.poll() is None]
        if len(self._running) >= _MOST_RUNNING:
            console.warning(f"the alert's command was not run: {_MOST_RUNNING} of it are still running")
            return
        environment = {
            **os.environ,
            "JEPA_ALERT_TEXT": alert.text,
            "JEPA_ALERT_START": f"{alert.start:.3f}",
            "JEPA_ALERT_END": f"{alert.end:.3f}",
            "JEPA_ALERT_CONFIDENCE": f"{alert.confidence:.4f}",
        }
        try:
            # Standard output belongs to the results.
            process = subprocess.Popen(self._words, env=environment, stdin=subprocess.DEVNULL, stdout=2)
        except OSError as error:
            console.warning(f"{console.printable(self._words[0])}: {error.strerror or error}")
            return
        self._running.append(process)

    def wait(self, timeout: float = 10.0) -> None:
        """Give commands that still run a while to end; they are left alone if they do not."""
        for process in self._running:
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                return
