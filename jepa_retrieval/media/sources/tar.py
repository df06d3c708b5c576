"""WebDataset shards: the files in a tar archive, read where they lie in it."""

from __future__ import annotations

import errno
import tarfile
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import Any, BinaryIO

from jepa_retrieval.media.sources.seeking import SeekableFile


class SubFile(SeekableFile):
    """A range of bytes of an open file, as a file of its own; closes that file with itself."""

    def __init__(self, file: BinaryIO, begin: int, size: int, name: str) -> None:
        super().__init__(name, size)
        self._file = file
        self._begin = begin

    def readinto(self, buffer: Any) -> int:
        """Read what is there, up to the length of the buffer."""
        wanted = min(len(buffer), max(0, self._size - self._at))
        self._file.seek(self._begin + self._at)
        data = self._file.read(wanted) if wanted else b""
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def close(self) -> None:
        """Close both."""
        if not self.closed:
            self._file.close()
        super().close()


Members = dict[str, tuple[int, int, int]]  # name: first byte, bytes, modification time in ns


@lru_cache(maxsize=8)
def members(path: Path, size: int, mtime_ns: int, open_file: Callable[[Path], BinaryIO]) -> Members:
    """The files in a shard, in their order in it; of two with one name the last.

    Args:
        path: the shard.
        size: bytes; with the time it makes answers for another content distinct.
        mtime_ns: modification time.
        open_file: opens it.

    Raises:
        OSError: it cannot be read, or is no tar archive.
    """
    found: Members = {}
    try:
        with open_file(path) as file, tarfile.open(fileobj=file, mode="r:") as archive:
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isfile() and not Path(name).is_absolute() and ".." not in Path(name).parts:
                    found[name] = (member.offset_data, member.size, int(member.mtime) * 10**9)
    except tarfile.TarError as error:
        raise OSError(errno.EINVAL, "is no tar archive, or is damaged") from error
    return found
