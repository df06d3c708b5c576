"""Writing files so that a crash leaves the old or the new content, never a mixture."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

# A temporary file of `write_atomically`. One that is younger than this may still be being written.
_TEMPORARY = re.compile(r".+\.[0-9a-f]{12}\.tmp")
MAX_WRITING_SECONDS = 60.0
# What network file systems say that cannot flush folders.
_NO_FOLDER_SYNC = (errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `data`: whoever reads sees all of the old bytes or all of the new ones.

    A link at `path` is replaced, not followed. If writing fails, no temporary file stays.

    Args:
        durable: get the bytes onto the disk before the name points at them, so that this holds through a power
            cut too.

    Raises:
        OSError: the folder cannot be written.
    """
    temporary = path.with_name(f"{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        with temporary.open("xb") as file:
            file.write(data)
        if durable:
            sync_file(temporary)
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise
    if durable:
        sync_folder(path.parent)


def check_writable(folder: Path) -> None:
    """Check that permissions allow to make files in a folder; nothing is written.

    Raises:
        OSError: they do not, or the file system is read-only.
    """
    if os.access(folder, os.W_OK | os.X_OK):
        return
    read_only = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY
    number = errno.EROFS if read_only else errno.EACCES
    raise OSError(number, os.strerror(number))


def abandoned_files(folder: Path) -> list[Path]:
    """Temporary files in `folder` whose writer died, in order of their names."""
    now = time.time()
    found = []
    for path in folder.glob("*.tmp"):
        with contextlib.suppress(OSError):  # it was finished or deleted meanwhile
            age = now - path.lstat().st_mtime
            if not _TEMPORARY.fullmatch(path.name) or abs(age) > MAX_WRITING_SECONDS:
                found.append(path)
    return sorted(found)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk, where the system can open folders (Windows cannot)."""
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_FOLDER_SYNC:
            raise
    finally:
        os.close(descriptor)


def sync_new_files(folder: Path, known: set[Path]) -> None:
    """Get the files below `folder` that are not yet `known` onto the disk, and add them to those."""
    new = files_below(folder) - known
    for path in new:
        sync_file(path)
    for parent in {path.parent for path in new}:
        sync_folder(parent)
    known |= new


def files_below(folder: Path) -> set[Path]:
    """All files below `folder`."""
    return {path for path, _ in _files_below(folder)}


def bytes_below(folder: Path) -> int:
    """Sum of the sizes of all files below `folder`; 0 if it does not exist."""
    return sum(status.st_size for _, status in _files_below(folder))


def _files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    # A writer may delete files while a reader counts them: what has gone is skipped.
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
            continue
        try:
            yield Path(entry.path), entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
