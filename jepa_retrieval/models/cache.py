"""The user's cache: entries that are built once, appear whole or not at all, and can be deleted at any time."""

from __future__ import annotations

import json
import logging
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from jepa_retrieval.errors import ModelError

_log = logging.getLogger(__name__)

_SIZES = "sizes.json"  # written last in an entry: every other file's size in bytes


def cache_root() -> Path:
    """The cache folder: `$JEPA_CACHE`, else `jepa-retrieval` in the platform's cache folder. It may not exist yet."""
    if override := os.environ.get("JEPA_CACHE"):
        return Path(override).expanduser()
    import platformdirs

    return platformdirs.user_cache_path("jepa-retrieval", appauthor=False)


def cached_entry(name: str, build: Callable[[Path], None]) -> Path:
    """The folder `name` of the cache, built if it is not there or if one of its files was lost or truncated.

    `build` fills an empty folder, which is then renamed into place: readers never see half an entry. When two
    processes want the same entry, one builds and the other waits for it.

    Raises:
        ModelError: the cache folder cannot be written.
    """
    entry = cache_root() / name
    if _is_complete(entry):
        return entry
    with _writing(entry), _locked(entry):
        if not _is_complete(entry):
            _build(entry, build)
    return entry


def discard_entry(entry: Path) -> None:
    """Delete a damaged entry, so that the next `cached_entry` builds it again."""
    _log.warning("%s: damaged cache entry, it will be rebuilt", entry)
    with _writing(entry), _locked(entry):
        # Renamed first: another process sees no entry rather than half of one.
        doomed = Path(tempfile.mkdtemp(prefix=f"{entry.name}.old-", dir=entry.parent))
        if entry.exists():
            entry.replace(doomed / entry.name)
        shutil.rmtree(doomed, ignore_errors=True)


def _is_complete(entry: Path) -> bool:
    try:
        sizes = json.loads((entry / _SIZES).read_text(encoding="utf-8"))
        return all((entry / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError):
        return False


def _build(entry: Path, build: Callable[[Path], None]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f"{entry.name}.new-", dir=entry.parent))
    try:
        build(staging)
        files = [path for path in staging.rglob("*") if path.is_file()]
        sizes = {path.relative_to(staging).as_posix(): path.stat().st_size for path in files}
        (staging / _SIZES).write_text(json.dumps(sizes), encoding="utf-8")
        if entry.exists():  # damaged
            shutil.rmtree(entry)
        staging.replace(entry)
    finally:
        shutil.rmtree(staging, ignore_errors=True)


@contextmanager
def _locked(entry: Path) -> Iterator[None]:
    """Hold the lock of one entry. The system frees it when its holder dies."""
    from filelock import FileLock  # only where something is built: a text search needs no lock

    entry.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(entry.parent / f"{entry.name}.lock"):
        yield


@contextmanager
def _writing(entry: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ModelError(
            f"{entry.parent}: the model cache cannot be written ({error.strerror or error}); "
            "set $JEPA_CACHE to a folder that can"
        ) from error
