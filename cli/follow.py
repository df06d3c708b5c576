"""Waits for changes in folders by scanning them every few seconds, which works on any file system."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from jepa_retrieval.user_paths import exists

Snapshot = frozenset[tuple[Path, int, int]]  # path, size, modification time


class ChangeWatcher:
    """Waits until files have changed since it was created, or since `wait` last returned."""

    def __init__(self, paths: Sequence[Path], scan_options: dict[str, Any], *, interval: float) -> None:
        self._paths = paths
        self._scan_options = scan_options
        self._interval = interval
        self._known: Snapshot | None = self._scan()

    def wait(self) -> None:
        """Return when files have changed and then stayed the same between two scans.

        So a file that is still being written is not reported before it is complete.
        """
        previous = self._scan()
        while True:
            time.sleep(self._interval)
            current = self._scan()
            if current == previous and current != self._known:
                self._known = current
                return
            previous = current

    def forget(self) -> None:
        """Let the next `wait` return as soon as two scans agree, whether or not files have changed."""
        self._known = None

    def _scan(self) -> Snapshot:
        from jepa_retrieval.media import FoundFile, scan

        present = [path for path in self._paths if exists(path)]  # a disk may go away, and come back
        found = scan(present, **self._scan_options)
        return frozenset(
            (file.path, file.size, file.mtime_ns) for file in found if isinstance(file, FoundFile)
        )
