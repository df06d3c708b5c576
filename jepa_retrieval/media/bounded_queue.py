"""Between the thread that reads a stream and whoever takes its windows."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class StreamQueue(Generic[Item]):
    """A bounded queue that either makes the reader wait or drops what is oldest.

    Args:
        limit: most droppable items that wait at once.
        drop: drop the oldest one when there is no room, as a live stream must; otherwise `put` waits.
    """

    def __init__(self, limit: int, *, drop: bool = False) -> None:
        self.drop = drop
        self.dropped = 0
        self._limit = limit
        self._items: deque[tuple[Item, bool]] = deque()
        self._count = 0  # of droppable items
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: Item, *, droppable: bool = True) -> bool:
        """Append an item; False if the queue is closed. One that is not droppable always finds room."""
        with self._changed:
            while droppable and self._count >= self._limit and not self._closed:
                if self.drop:
                    self._drop_oldest()
                else:
                    self._changed.wait()
            if self._closed:
                return False
            self._items.append((item, droppable))
            self._count += droppable
            self._changed.notify_all()
            return True

    def get(self, timeout: float | None = None) -> Item | None:
        """Take the oldest item, waiting for it; None if there is none within `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._items), timeout):
                return None
            item, droppable = self._items.popleft()
            self._count -= droppable
            self._changed.notify_all()
            return item

    @property
    def waiting(self) -> int:
        """Droppable items that wait."""
        return self._count

    def close(self) -> None:
        """Let a reader who waits go; nothing more is taken."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _drop_oldest(self) -> None:
        for index, (_, droppable) in enumerate(self._items):
            if droppable:
                del self._items[index]
                self._count -= 1
                self.dropped += 1
                return
