"""Files for results: each takes its place when it is whole, and whatever goes wrong before leaves what was there."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from indexes.reasons import first_line
from jepa_retrieval.user_paths import absolute, exists, is_existing_file, link_target

_TEMPORARY = ".jepa-export-"
_LOCK = "lock"
_MIN_AGE = 60.0  # seconds


@contextmanager
def replacing(path: Path | str) -> Iterator[Path]:
    """A path to write to, whose file replaces the one at `path`, if any, at the end of the block.

    A symbolic link stays, and the file that it points to is replaced; its permissions, owner and group are kept.
    Where the system does not let this user do that, as with a file of somebody else, the new content is copied into
    the old file once it is whole. A pipe or a device cannot be replaced: it is written to itself.

    Raises:
        OSError: a file cannot be written; errors name `path`, also those of the block.
    """
    asked = absolute(path)
    target = link_target(asked)
    with naming(asked):
        if exists(target) and not is_existing_file(target):
            yield target
            return
        with _folder_beside(target) as folder:
            written = folder / f"export{target.suffix}"
            yield written
            if not exists(target) or _is_owned_alike(written, target):
                written.replace(target)
            else:
                _copy_into(target, written)


def _is_owned_alike(written: Path, target: Path) -> bool:
    """Whether a new file has the owner, group and permissions of one that is there, and may take its place."""
    old, new = target.stat(), written.stat()
    try:
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.chown(written, old.st_uid, old.st_gid)
        shutil.copymode(target, written)
    except OSError:  # PermissionError; in a container also others, for owners that it does not know
        return False
    return True


def _copy_into(target: Path, written: Path) -> None:
    """Overwrite a file with the content of another."""
    # Not opened as a new file would be: in folders such as /tmp Linux forbids that for files of others, even to root.
    with written.open("rb") as source, target.open("r+b") as file:
        shutil.copyfileobj(source, file)
        file.truncate()


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the system name the file that was asked for, not one beside it or none; those of other files stay."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and _TEMPORARY not in str(error.filename):
            raise
        number = errno.EIO if error.errno is None else error.errno
        raise OSError(number, error.strerror or first_line(error), str(path)) from error


@contextmanager
def _folder_beside(target: Path) -> Iterator[Path]:
    """A temporary folder, locked while it is in use; those of programs that were killed are deleted."""
    from filelock import FileLock

    _delete_abandoned(target.parent)
    with tempfile.TemporaryDirectory(prefix=_TEMPORARY, dir=target.parent) as name:
        folder = Path(name)
        with FileLock(folder / _LOCK):
            yield folder


def _delete_abandoned(parent: Path) -> None:
    from filelock import FileLock, Timeout

    for folder in parent.glob(f"{_TEMPORARY}*"):
        with suppress(OSError, Timeout):
            # One that was just made may not have its lock yet.
            if folder.is_symlink() or time.time() - folder.stat().st_mtime < _MIN_AGE:
                continue
            FileLock(folder / _LOCK, timeout=0).acquire().lock.release()
            shutil.rmtree(folder, ignore_errors=True)
