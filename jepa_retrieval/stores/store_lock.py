"""The writer lock of an index in an object store: a file that only one process can make."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from indexes.errors import IndexLockedError
from indexes.untrusted import Fields, parse_json
from jepa_retrieval.media.sources.remote import RemoteFile
from jepa_retrieval.stores.objects import StoreFolder

LOCK_NAME = "store.lock"
RENEWED_SECONDS = 60.0
MAX_SILENCE = 15 * 60.0  # seconds without renewal after which a lock counts as left behind


@contextmanager
def store_lock(folder: StoreFolder) -> Iterator[None]:
    """The right to write to the index in `folder`, as long as the context lasts.

    A lock whose process has ended on this machine, or that was not renewed for a quarter of an hour, is taken over.
    Commits are safe without: the lock spares a second writer work that its commit would lose.

    Raises:
        IndexLockedError: another process has it.
        OSError: the store refuses, or does not answer.
    """
    note = json.dumps({**_myself(), "id": uuid.uuid4().hex}).encode()
    tag = _take(folder, note)
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(folder, note, tag, ended), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with contextlib.suppress(OSError):  # it will count as left behind
            if folder.read(LOCK_NAME) == note:
                folder.delete([LOCK_NAME])


def _take(folder: StoreFolder, note: bytes) -> str:
    """Write the lock where there is none, or in place of one that was left behind, and of no other; its tag."""
    for _ in range(2):  # the lock that was found may be gone by now
        lock = folder.find(LOCK_NAME)
        if lock is not None and not _is_abandoned(folder, lock):
            break
        with contextlib.suppress(FileExistsError, FileNotFoundError):
            return folder.write_if(LOCK_NAME, note, tag="" if lock is None else lock.tag)
    raise _locked(folder)


def _renew(folder: StoreFolder, note: bytes, tag: str, ended: threading.Event) -> None:
    while not ended.wait(RENEWED_SECONDS):
        with contextlib.suppress(OSError):  # such as that another process has taken the lock over
            tag = folder.write_if(LOCK_NAME, note, tag=tag)


def _is_abandoned(folder: StoreFolder, lock: RemoteFile) -> bool:
    """Whether the process that made a lock has ended, or has not renewed it for too long."""
    holder = _holder(folder)
    here = holder is not None and holder[1] == socket.gethostname()
    silent = lock.mtime_ns and time.time() - lock.mtime_ns / 1e9 > MAX_SILENCE
    return bool(silent) or (here and holder is not None and not _is_running(holder[0]))


def _locked(folder: StoreFolder) -> IndexLockedError:
    holder = _holder(folder)
    who = f"process {holder[0]} on {holder[1]} since {holder[2]}" if holder else "another process"
    return IndexLockedError(f"{folder.url} is being written to by {who}")


def _holder(folder: StoreFolder) -> tuple[int, str, str] | None:
    """Process id, host and start of who has the lock; None if that cannot be read."""
    try:
        note = Fields(parse_json(folder.read(LOCK_NAME)))
        host, started = note.unicode("host", max_chars=255), note.unicode("started", max_chars=40)
        return note.integer("pid"), host, started.replace("T", " ").replace("+00:00", "Z")
    except (OSError, ValueError):
        return None


def _is_running(pid: int) -> bool:
    if not hasattr(os, "kill") or os.name == "nt":  # there it would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _myself() -> dict[str, object]:
    started = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": socket.gethostname(), "started": started}
