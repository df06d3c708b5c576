"""A queue between threads that is bounded by what its items weigh."""

from __future__ import annotations

import threading
from collections import deque
from typing import Generic, TypeVar

Item = TypeVar("Item")


class BoundedQueue(Generic[Item]):
    """When it is full, `put` waits or the oldest items are dropped.

    Items of size 0 always find room and are never dropped.

    Args:
        limit: total size of waiting items at which the queue is full, in whatever unit `put` is told sizes in.
        drop_oldest: drop items when the queue is full, as a live stream must; otherwise `put` waits.
    """

    def __init__(self, limit: int, *, drop_oldest: bool = False) -> None:
        self.drop_oldest = drop_oldest
        self.dropped = 0  # items
        self._limit = limit
        self._items: deque[tuple[Item, int]] = deque()
        self._size = 0
        self._closed = False
        self._changed = threading.Condition()

    def put(self, item: Item, *, size: int = 1) -> bool:
        """Append an item; False if the queue is closed."""
        with self._changed:
            while size and self._size >= self._limit and not self._closed:
                if self.drop_oldest:
                    self._drop()
                else:
                    self._changed.wait()
            if self._closed:
                return False
            self._items.append((item, size))
            self._size += size
            self._changed.notify_all()
            return True

    def put_back(self, item: Item) -> None:
        """Put an item of size 0 before all others: it was taken too early."""
        with self._changed:
            self._items.appendleft((item, 0))

    def get(self, timeout: float | None = None) -> Item | None:
        """Take the oldest item, waiting for it; None if there is none within `timeout` seconds."""
        with self._changed:
            if not self._changed.wait_for(lambda: bool(self._items), timeout):
                return None
            item, size = self._items.popleft()
            self._size -= size
            self._changed.notify_all()
            return item

    @property
    def size(self) -> int:
        """Total size of the items that wait."""
        return self._size

    def close(self) -> None:
        """Let all waiting calls of `put` return False; no further items are accepted."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _drop(self) -> None:
        """Drop the oldest item that has a size."""
        for index, (_, size) in enumerate(self._items):
            if size:
                del self._items[index]
                self._size -= size
                self.dropped += 1
                return
