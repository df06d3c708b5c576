"""Watch folders for changes by looking at them every few seconds: it works on any file system, mounted or local."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Snapshot = frozenset[tuple[Path, int, int]]  # path, size, modification time


class Watch:
    """Waits until files differ from how they were when it was made, or when it last said so."""

    def __init__(self, paths: Sequence[Path], scan_options: dict[str, Any], *, interval: float) -> None:
        self._paths = paths
        self._scan_options = scan_options
        self._interval = interval
        self._known: Snapshot | None = self._look()

    def wait(self) -> None:
        """Return once the files have changed and then stayed the same between two looks, so that a file which is
        still being written is left alone until it is complete."""
        previous = self._look()
        while True:
            time.sleep(self._interval)
            current = self._look()
            if current == previous and current != self._known:
                self._known = current
                return
            previous = current

    def forget(self) -> None:
        """Let the next `wait` return as soon as the files stand still, changed or not."""
        self._known = None

    def _look(self) -> Snapshot:
        from jepa_retrieval.media import FoundFile, scan

        found = scan(self._paths, **self._scan_options)
        return frozenset(
            (file.path, file.size, file.mtime_ns) for file in found if isinstance(file, FoundFile)
        )
