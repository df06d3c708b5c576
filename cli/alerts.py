"""Runs the command of `jepa watch --alert-command`."""

from __future__ import annotations

import os
import shlex
import subprocess

from cli import console
from indexes.reasons import reason
from jepa_retrieval.errors import UsageError
from jepa_retrieval.tasks.watching.alerts import Alert
from jepa_retrieval.tasks.watching.surprises import StreamSurprise

SURPRISE_TEXT = "surprise"  # $JEPA_ALERT_TEXT of a surprise

_MAX_RUNNING = 8


class AlertCommand:
    """Runs a command for every alert, without waiting for it to end and without a shell.

    The alert is passed in $JEPA_ALERT_TEXT, $JEPA_ALERT_START, $JEPA_ALERT_END (seconds) and $JEPA_ALERT_CONFIDENCE;
    a surprise has $JEPA_ALERT_Z in place of the last, and the text "surprise".

    Raises:
        UsageError: the command is empty or has an unclosed quote.
    """

    def __init__(self, command: str) -> None:
        try:
            self._words = shlex.split(command)
        except ValueError as error:
            raise UsageError(f"--alert-command: {error}") from error
        if not self._words:
            raise UsageError("--alert-command is empty")
        self._running: list[subprocess.Popen[bytes]] = []

    def run(self, alert: Alert | StreamSurprise) -> None:
        """Start the command; a failure is only a warning, so that watching continues."""
        self._running = [process for process in self._running if process.poll() is None]
        if len(self._running) >= _MAX_RUNNING:
            console.warning(f"the alert command was skipped: {_MAX_RUNNING} earlier ones are still running")
            return
        environment = {
            **os.environ,
            "JEPA_ALERT_TEXT": alert.text if isinstance(alert, Alert) else SURPRISE_TEXT,
            "JEPA_ALERT_START": f"{alert.start:.3f}",
            "JEPA_ALERT_END": f"{alert.end:.3f}",
        }
        if isinstance(alert, Alert):
            environment["JEPA_ALERT_CONFIDENCE"] = f"{alert.confidence:.4f}"
        else:
            environment["JEPA_ALERT_Z"] = f"{alert.z:.2f}"
        try:
            # Standard output is reserved for results.
            process = subprocess.Popen(self._words, env=environment, stdin=subprocess.DEVNULL, stdout=2)
        except OSError as error:
            console.warning(f"{self._words[0]}: {reason(error)}")
            return
        self._running.append(process)

    def wait(self, timeout: float = 10.0) -> None:
        """Wait up to `timeout` seconds for each running command to end; it is not stopped if it does not."""
        for process in self._running:
            try:
                process.wait(timeout)
            except subprocess.TimeoutExpired:
                return
