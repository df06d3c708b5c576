"""Files that are sent to clients: on disk, in an archive, or in an object store; read by ranges of bytes."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from pathlib import Path
from typing import Protocol

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.reasons import os_reason
from jepa_retrieval.media.sources import remote
from jepa_retrieval.media.sources.opening import Place, place_in_shard
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.source_paths import is_remote

LOCAL_CHUNK = 256 * 2**10
REMOTE_CHUNK = 2**20  # each is a request to the store


class OpenedFile(Protocol):
    """A file that is being read.

    Attributes:
        size: bytes.
        mtime_ns: modification time; 0 if it is not known.
        etag: another one if the content is another; None if that is not known.
        chunk: bytes to read at once.
    """

    size: int
    mtime_ns: int
    etag: str | None
    chunk: int

    def read(self, start: int, length: int) -> bytes:
        """Bytes of the file, maybe fewer than asked for; OSError if they cannot be read."""
        ...

    def close(self) -> None:
        """Read no more."""
        ...


def open_readable(path: Path) -> OpenedFile:
    """Open what `MediaFiles.readable` has found; it must be closed.

    Raises:
        ProblemError: it has been replaced by something else since, may not be read, or its store does not answer.
    """
    try:
        place = place_in_shard(path)
        whole = path if place is None else place.shard
        return _RemoteFile(whole, place) if is_remote(whole) else _LocalFile(whole, place)
    except UsageError as error:  # a package for the store is missing
        raise ProblemError(503, str(error)) from None
    except (FileNotFoundError, IsADirectoryError):
        raise ProblemError(404, "the file is not there any more") from None
    except OSError as error:
        if is_remote(path):
            raise ProblemError(503, f"the file's store: {os_reason(error)}") from None
        raise ProblemError(404, f"the file cannot be read: {os_reason(error)}") from None


class _LocalFile:
    """A file on disk, or a range of bytes of an archive there."""

    chunk = LOCAL_CHUNK

    def __init__(self, path: Path, place: Place | None) -> None:
        self._descriptor = _open_regular(path)
        status = os.fstat(self._descriptor)
        self._begin = 0 if place is None else place.begin
        self.size = status.st_size if place is None else place.size
        self.mtime_ns = status.st_mtime_ns
        self.etag: str | None = f"{self.mtime_ns:x}-{self._begin + self.size:x}-{self.size:x}"

    def read(self, start: int, length: int) -> bytes:
        """See `OpenedFile.read`."""
        at = self._begin + start
        if hasattr(os, "pread"):
            return os.pread(self._descriptor, length, at)
        os.lseek(self._descriptor, at, os.SEEK_SET)  # one reader only
        return os.read(self._descriptor, length)

    def close(self) -> None:
        """See `OpenedFile.close`."""
        os.close(self._descriptor)


class _RemoteFile:
    """A file in a store, or a range of bytes of an archive there."""

    chunk = REMOTE_CHUNK

    def __init__(self, path: Path, place: Place | None) -> None:
        self._file = remote.describe(path)
        self._begin = 0 if place is None else place.begin
        self.size = self._file.size if place is None else place.size
        self.mtime_ns = self._file.mtime_ns
        self.etag: str | None = None
        if known := self._file.tag or self.mtime_ns:
            digest = hashlib.sha256(str(known).encode()).hexdigest()[:16]  # a store's tag may hold anything
            self.etag = f"{digest}-{self._begin + self.size:x}-{self.size:x}"

    def read(self, start: int, length: int) -> bytes:
        """See `OpenedFile.read`."""
        begin = self._begin + start
        if start and remote.is_sent_whole(self._file):  # it would be sent again for every piece
            raise OSError(errno.EOPNOTSUPP, "its server sends it whole only")
        return remote.fetch(self._file, begin, min(begin + length, self._begin + self.size))

    def close(self) -> None:
        """See `OpenedFile.close`."""


def _open_regular(path: Path) -> int:
    """A descriptor of a file; what has been put in its place since it was found is refused."""
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    descriptor = os.open(path, flags)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ProblemError(404, "it is not a regular file")
    return descriptor
