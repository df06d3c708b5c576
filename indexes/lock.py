"""The writer lock: one process writes to an index at a time.

The operating system holds the lock (flock, or its Windows counterpart), so it is gone when its holder is, however
the holder died. A note beside it says who holds it, for the error message only.
"""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime
from pathlib import Path

from indexes.errors import IndexLockedError, IndexWriteError
from indexes.files import write_atomically
from indexes.reasons import reason
from indexes.untrusted import read_json_object

LOCK_NAME = "writer.lock"
NOTE_NAME = "writer.json"


class WriterLock:
    """The exclusive right to write to the index in `folder`.

    Raises:
        IndexLockedError: another writer holds it; the message names its process, host and start.
        IndexWriteError: the folder cannot be written.
    """

    def __init__(self, folder: Path) -> None:
        from filelock import FileLock, Timeout

        self._note = folder / NOTE_NAME
        # `is_locked` of a reader holds the lock for a moment.
        self._lock = FileLock(folder / LOCK_NAME, timeout=0.2, thread_local=False)
        try:
            self._lock.acquire()
        except Timeout:
            raise IndexLockedError(f"{folder} is being written to by {_holder(self._note)}") from None
        except OSError as error:
            raise IndexWriteError(f"cannot write to {folder}: {reason(error)}") from error
        try:
            write_atomically(self._note, json.dumps(_myself()).encode(), durable=False)
        except OSError as error:
            self._lock.release()
            raise IndexWriteError(f"cannot write to {folder}: {reason(error)}") from error

    @property
    def held(self) -> bool:
        """Whether this process holds the lock through this object."""
        return self._lock.is_locked

    def release(self) -> None:
        """Release the lock; a second call does nothing."""
        if self._lock.is_locked:
            self._note.unlink(missing_ok=True)
            self._lock.release()


def is_locked(folder: Path) -> bool:
    """Whether a writer is running; False too if this process may not test the lock."""
    from filelock import FileLock, Timeout

    if not (folder / LOCK_NAME).is_file() or (folder / LOCK_NAME).is_symlink():
        return False
    try:
        FileLock(folder / LOCK_NAME, timeout=0).acquire().lock.release()
    except Timeout:
        return True
    except OSError:
        return False
    return False


def _myself() -> dict[str, object]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": started}


def _readable(started: str) -> str:
    """A time of the note, UTC in ISO 8601, as `jepa status` shows times: `2026-01-31 12:00:00Z`."""
    return started.replace("T", " ").replace("+00:00", "Z")


def _holder(note: Path) -> str:
    # The holder writes its note just after it gets the lock: for a moment there may be none.
    try:
        holder = read_json_object(note, max_bytes=65_536)
        host, started = holder.unicode("host", max_chars=255), holder.unicode("started", max_chars=40)
        return f"process {holder.integer('pid')} on {host} since {_readable(started)}"
    except (OSError, ValueError):
        return "another process"
