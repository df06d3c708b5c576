"""What a worker process sends to its owner."""

from __future__ import annotations

import contextlib
import os
import pickle
import queue
import threading
import time
from typing import Any, BinaryIO

_BATCH_BYTES = 2 * 2**20  # a message is sent when it holds this much,
_BATCH_SECONDS = 0.25  # or when the last one is this old
_MAX_WAITING = 4  # messages
_ALIVE_SECONDS = 1.0  # between signs of life where there is nothing to send

Item = tuple[Any, ...]


class Outbox:
    """Collects items and sends them in batches: many small pictures make few messages.

    A thread does the writing, so that decoding goes on while the owner is too busy to read; `flush` waits once
    `_MAX_WAITING` messages are unsent. The process ends if the owner no longer reads.

    Args:
        stream: the pipe to the owner.
    """

    def __init__(self, stream: BinaryIO) -> None:
        self._items: list[Item] = []
        self._bytes = 0
        self._sent_at = time.monotonic()
        self._waiting: queue.Queue[list[Item]] = queue.Queue(_MAX_WAITING)
        threading.Thread(target=_send, args=(stream, self._waiting), daemon=True).start()

    def add(self, item: Item, size: int = 0) -> None:
        """Queue an item of about `size` bytes."""
        self._items.append(item)
        self._bytes += size
        if self._bytes >= _BATCH_BYTES or time.monotonic() - self._sent_at >= _BATCH_SECONDS:
            self.flush()

    def tick(self) -> None:
        """Show a sign of life if none was sent for a while."""
        if time.monotonic() - self._sent_at >= _ALIVE_SECONDS:
            self.flush()

    def flush(self) -> None:
        """Send what is queued, be it nothing."""
        self._waiting.put(self._items)
        self._items, self._bytes, self._sent_at = [], 0, time.monotonic()


def _send(stream: BinaryIO, messages: queue.Queue[list[Item]]) -> None:
    with contextlib.suppress(OSError):
        while True:
            pickle.dump(messages.get(), stream, protocol=5)
            stream.flush()
    os._exit(0)
