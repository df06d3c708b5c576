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
    try:
        folder.write_if(LOCK_NAME, note, tag="")
    except FileExistsError:
        _remove_abandoned(folder)
        try:
            folder.write_if(LOCK_NAME, note, tag="")
        except FileExistsError:
            raise _locked(folder) from None
    ended = threading.Event()
    renewing = threading.Thread(target=_renew, args=(folder, note, ended), daemon=True)
    renewing.start()
    try:
        yield
    finally:
        ended.set()
        renewing.join()
        with contextlib.suppress(OSError):  # it will count as left behind
            folder.delete([LOCK_NAME])


def _renew(folder: StoreFolder, note: bytes, ended: threading.Event) -> None:
    while not ended.wait(RENEWED_SECONDS):
        with contextlib.suppress(OSError):
            folder.write(LOCK_NAME, note)


def _remove_abandoned(folder: StoreFolder) -> None:
    """Delete the lock of a process that has ended."""
    lock = folder.find(LOCK_NAME)
    if lock is None:
        return
    holder = _holder(folder)
    here = holder is not None and holder[1] == socket.gethostname()
    silent = lock.mtime_ns and time.time() - lock.mtime_ns / 1e9 > MAX_SILENCE
    if silent or (here and holder is not None and not _is_running(holder[0])):
        folder.delete([LOCK_NAME])


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
