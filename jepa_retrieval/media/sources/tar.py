"""WebDataset shards: the files in a tar archive, read where they lie in it."""

from __future__ import annotations

import errno
import os
import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO, Literal, cast

from jepa_retrieval.media.sources.seeking import SeekableFile
from jepa_retrieval.user_paths import MAX_NAME_BYTES, MAX_PATH_BYTES

MemberReason = Literal["link", "special file", "sparse file", "unsafe name", "duplicate name"]

_MAX_HEADER_BYTES = 2**20  # of one member, with its long names
_MAX_PADDING_BYTES = 2**24  # behind the last member; tar pads to 10 KiB
_BLOCK = 512
_COMPRESSED = {b"\x1f\x8b": "gzip", b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd"}
_SHOWN = 60  # characters of a long name
# What tarfile raises for headers with wrong numbers or wrong text, or with long names inside long names.
_BAD_HEADER = (tarfile.TarError, ValueError, OverflowError, RecursionError)


class SubFile(SeekableFile):
    """A range of bytes of an open file, as a file of its own; closes that file with itself."""

    def __init__(self, file: BinaryIO | SeekableFile, begin: int, size: int, name: str) -> None:
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

    def prefetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        """See `SeekableFile.prefetch`."""
        if isinstance(self._file, SeekableFile):
            self._file.prefetch([(self._begin + begin, self._begin + end) for begin, end in ranges])

    def close(self) -> None:
        """Close both."""
        if not self.closed:
            self._file.close()
        super().close()


@dataclass(slots=True)
class Shard:
    """What a shard holds, as far as it could be read.

    Attributes:
        files: first byte, bytes, and modification time in ns of each, by name, in their order; of two with one name
            the last.
        left_out: members that are no files to read, with names that lead nowhere else, and why.
        too_long: names, shortened, that no file can have.
        damage: where it ends early, in a sentence; "" if it is whole.
    """

    files: dict[str, tuple[int, int, int]] = field(default_factory=dict)
    left_out: list[tuple[str, MemberReason]] = field(default_factory=list)
    too_long: list[str] = field(default_factory=list)
    damage: str = ""


@lru_cache(maxsize=8)
def read_shard(path: Path, size: int, mtime_ns: int, open_file: Callable[[Path], BinaryIO]) -> Shard:
    """The members of a shard.

    Args:
        path: the shard.
        size: bytes; with the time it makes answers for another content distinct.
        mtime_ns: modification time.
        open_file: opens it.

    Raises:
        OSError: it cannot be read, is compressed, or is no tar archive.
    """
    room = MAX_PATH_BYTES - len(os.fsencode(path)) - 1
    shard = Shard()
    with open_file(path) as file:
        headers = _Headers(file)
        try:
            archive = tarfile.open(fileobj=cast(BinaryIO, headers), mode="r:")  # noqa: SIM115 - it opens nothing
        except _BAD_HEADER as error:
            raise OSError(errno.EINVAL, _why_no_archive(file)) from error
        where = "at its first member"
        try:
            for member in _members(archive, headers, size):
                _add(shard, member, room)
                where = f"after member {_shown(member.name)}"
            _check_end(file, archive.offset, size)
        except _DamagedError as error:
            shard.damage = f"{error.problem} {error.where or where}; the rest could not be read"
    return shard


class _DamagedError(Exception):
    """What is wrong with a shard, and where if not after the member that was read last."""

    def __init__(self, problem: str, where: str = "") -> None:
        super().__init__(problem)
        self.problem = problem
        self.where = where


class _Headers:
    """An open shard of which tarfile reads headers only; a header that claims to be large is refused unread."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.left = _MAX_HEADER_BYTES

    def read(self, count: int) -> bytes:
        """Read a header, or what follows it."""
        if not 0 <= count <= self.left:
            raise tarfile.ReadError("a header is too large")
        self.left -= count
        return self._file.read(count)

    def seek(self, offset: int) -> int:
        """Go to a byte of the shard."""
        return self._file.seek(offset)

    def tell(self) -> int:
        """Where the next read begins."""
        return self._file.tell()


def _members(archive: tarfile.TarFile, headers: _Headers, size: int) -> Iterator[tarfile.TarInfo]:
    """The members of which all is there; _DamagedError where a header is wrong, or the shard ends inside a member."""
    while True:
        headers.left = _MAX_HEADER_BYTES
        try:
            member = archive.next()
        except _BAD_HEADER as error:
            raise _DamagedError("damaged") from error
        if member is None:  # the end, or a header that is damaged or cut off
            return
        if member.size < 0 or archive.offset < member.offset_data:
            raise _DamagedError("damaged")
        stored = 0 if member.issparse() or not member.isreg() else member.size
        if member.offset_data + stored > size or archive.offset >= size + _BLOCK:
            raise _DamagedError("damaged or cut off", f"in member {_shown(member.name)}")
        yield member


def _check_end(file: BinaryIO, at: int, size: int) -> None:
    """Check that from `at` on there are the zeros that end an archive, and nothing else."""
    file.seek(at)
    block = file.read(_BLOCK)
    if len(block) < _BLOCK:
        raise _DamagedError("cut off")
    if any(block) or size - at > _MAX_PADDING_BYTES:
        raise _DamagedError("damaged")
    while block := file.read(2**20):
        if block.count(0) != len(block):
            raise _DamagedError("goes on beyond its end")


def _add(shard: Shard, member: tarfile.TarInfo, room: int) -> None:
    if member.isdir():
        return
    name = PurePosixPath(member.name).as_posix()
    reason = _reason(member)
    long = len(os.fsencode(name)) > room or any(
        len(os.fsencode(part)) > MAX_NAME_BYTES for part in name.split("/")
    )
    if reason is not None:
        safe = _safe(name)
        shard.left_out.append((safe[:_SHOWN] if long else safe, reason))
    elif long:
        shard.too_long.append(_shown(name).replace("/", "%2F"))
    else:
        if name in shard.files:
            shard.left_out.append((name, "duplicate name"))
        shard.files[name] = (member.offset_data, member.size, _mtime_ns(member))


def _reason(member: tarfile.TarInfo) -> MemberReason | None:
    """Why a member cannot be read as a file below the shard; None if it can."""
    name = PurePosixPath(member.name)
    if name.is_absolute() or not name.parts or ".." in name.parts or "\0" in member.name:
        return "unsafe name"
    if member.issym() or member.islnk():
        return "link"
    if not member.isfile():
        return "special file"
    return "sparse file" if member.issparse() else None


def _mtime_ns(member: tarfile.TarInfo) -> int:
    """The modification time in ns; 0 for one that no file has."""
    return int(member.mtime) * 10**9 if 0 <= member.mtime < 2**33 else 0


def _safe(name: str) -> str:
    """A name that leads nowhere else, with %2F for a slash at its start, and %2E for dots that mean a folder."""
    parts = [part.replace(".", "%2E") if part in (".", "..") else part for part in name.split("/")]
    begin = len(name) - len(name.lstrip("/"))
    return ("%2F" * begin + "/".join(parts[begin:])).replace("\0", "%00")


def _shown(name: str) -> str:
    return name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..."


def _why_no_archive(file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(8)
    for magic, program in _COMPRESSED.items():
        if head.startswith(magic):
            return f"is compressed with {program}; unpack it to a plain .tar first"
    return "is no tar archive, or is damaged"
