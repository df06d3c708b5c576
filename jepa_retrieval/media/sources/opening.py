"""Files wherever they are: on disk, elsewhere, or in a shard; described and opened in one way."""

from __future__ import annotations

import errno
import mmap
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NamedTuple, cast

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.sources import remote, tar
from jepa_retrieval.media.sources.seeking import SeekableFile
from jepa_retrieval.source_paths import is_ordinary, is_remote, shard_of

_BUFFER = 2**16


@dataclass(frozen=True, slots=True)
class Status:
    """What is known of a file without reading it."""

    size: int
    mtime_ns: int
    tag: str = ""  # of a file elsewhere: another one if the content is another
    mode: int = stat.S_IFREG


def status(path: Path) -> Status:
    """The size and the time of a file.

    Raises:
        OSError: there is none, or it cannot be looked at.
    """
    shard = shard_of(path)
    if shard is not None:
        whole = status(shard)
        _, size, mtime_ns = _member(path, shard, whole)
        return Status(size, mtime_ns)
    if is_remote(path):
        found = remote.describe(path)
        return Status(found.size, found.mtime_ns, found.tag)
    local = os.stat(path)  # noqa: PTH116
    return Status(local.st_size, local.st_mtime_ns, mode=local.st_mode)


def open_binary(path: Path) -> BinaryIO:
    """Open a file for reading, with seeking; errors as of `status`."""
    shard = shard_of(path)
    if shard is not None:
        begin, size, _ = _member(path, shard, status(shard))
        return cast(
            BinaryIO, BufferedReader(tar.SubFile(open_binary(shard), begin, size, path.name), _BUFFER)
        )
    if is_remote(path):
        return cast(BinaryIO, BufferedReader(remote.RangeFile(remote.describe(path)), _BUFFER))
    return _open_regular(path)


def open_ranges(path: Path) -> SeekableFile:
    """Open a file in a store, or in a shard there: no more is fetched than is asked for. Errors as of `status`.

    A read may return less than was asked for before the end of the file.
    """
    shard = shard_of(path)
    if shard is not None:
        begin, size, _ = _member(path, shard, status(shard))
        return tar.SubFile(open_ranges(shard), begin, size, path.name)
    return remote.RangeFile(remote.describe(path))


class Place(NamedTuple):
    """Where the bytes of a file in a shard are."""

    shard: Path
    begin: int  # first byte
    size: int  # bytes
    mtime_ns: int


def place_in_shard(path: Path) -> Place | None:
    """Where a file lies in its shard; None of a file in none. Errors as of `status`."""
    shard = shard_of(path)
    return None if shard is None else Place(shard, *_member(path, shard, status(shard)))


def is_there(path: Path) -> bool:
    """Whether there is a file or a link at a path; True too if its store does not say."""
    if is_ordinary(path):
        return os.path.lexists(path)
    try:
        status(path)
    except (FileNotFoundError, IsADirectoryError):
        return False
    except (OSError, UsageError):
        return True
    return True


@contextmanager
def contents(path: Path) -> Iterator[mmap.mmap | bytes]:
    """The whole of a file: mapped into memory if it is on disk. OSError if it cannot be read, ValueError if empty."""
    if is_ordinary(path):
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            yield data
    else:
        with open_binary(path) as opened:
            yield opened.read()


def read_shard(path: Path) -> tar.Shard:
    """What a shard holds; errors as of `tar.read_shard`."""
    whole = status(path)
    return tar.read_shard(path, whole.size, whole.mtime_ns, open_binary)


def _member(path: Path, shard: Path, whole: Status) -> tuple[int, int, int]:
    name = path.relative_to(shard).as_posix()
    found = tar.read_shard(shard, whole.size, whole.mtime_ns, open_binary)
    if name not in found.files:
        if found.damage:  # the file may lie in what could not be read
            raise OSError(errno.EBADMSG, f"its shard is {found.damage}")
        raise FileNotFoundError(errno.ENOENT, "no such file in the shard")
    return found.files[name]


def _open_regular(path: Path) -> BinaryIO:
    """Open a file on disk; a pipe or a device, which may never end, is refused without waiting for a writer."""
    file = open(path, "rb", opener=_open_at_once)  # noqa: SIM115 - Path.open has no opener
    if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise OSError(errno.EINVAL, "is not a regular file")
    return file


def _open_at_once(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))
