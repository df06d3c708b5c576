"""Files in object stores and on web servers, through fsspec: listed, described, and read by ranges of bytes.

Credentials are those that the store's own programs use, from the environment; nothing of them is kept or shown.
"""

from __future__ import annotations

import errno
import os
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.sources.seeking import SeekableFile
from jepa_retrieval.media.sources.store_requests import VARIABLES, patiently
from jepa_retrieval.source_paths import url_of

_BLOCK = 2**16  # bytes of a request where the file is read here and there
_MAX_BLOCKS = 128  # of one request where it is read on and on
_KEPT_BLOCKS = 256  # of all files
_MERGED_GAP = 2**15  # bytes between two ranges for which a second request takes longer than reading them
_RECENT_SECONDS = 2.0  # for which what a store says of a file is not asked for again
_TAGS = (
    "generation",  # of gs://, where the ETag also changes with what is noted of a file
    "ETag",
    "etag",
    "md5Hash",
    "content_md5",
    "blob_id",
    "checksum",
    "LastModified",
    "last_modified",
    "mtime",
)
_TIMES = ("LastModified", "last_modified", "mtime", "updated")


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file elsewhere, as its store describes it."""

    path: Path
    size: int  # bytes
    mtime_ns: int  # 0 if the store does not say
    tag: str  # another one if the content is another: generation, ETag or time; "" if the store says none


_recent: dict[Path, tuple[float, RemoteFile]] = {}
_blocks: OrderedDict[tuple[Path, str, int], bytes] = OrderedDict()  # by path, tag and number
_whole: set[Path] = set()  # files that are sent whole, whatever range is asked for
_environments: dict[str, dict[str, str]] = {}  # by scheme: that of the last connection
_lock = threading.Lock()
_fetched = 0  # bytes of content


def bytes_fetched() -> int:
    """Bytes of files that this process has read from stores so far."""
    return _fetched


def describe(path: Path) -> RemoteFile:
    """What the store says of a file, or said a moment ago: one file is opened several times in a row.

    Raises:
        OSError: there is none, it may not be read, or the store does not answer.
        UsageError: the store's package is not installed, or finds no account.
    """
    asked = time.monotonic()
    with _lock:
        before = _recent.get(path)
    if before is not None and asked - before[0] < _RECENT_SECONDS:
        return before[1]
    file = look(path)
    with _lock:
        for old in [other for other, (when, _) in _recent.items() if asked - when > _RECENT_SECONDS]:
            del _recent[old]
        _recent[path] = (asked, file)
    return file


def look(path: Path) -> RemoteFile:
    """What the store says of a file now; errors as of `describe`."""
    system, name = file_system(path)
    found = patiently(lambda: system.info(name))
    if found.get("type") == "directory":
        raise IsADirectoryError(errno.EISDIR, "is a folder")
    return _file(path, found)


def forget() -> None:
    """Ask again what was asked for a moment ago."""
    with _lock:
        _recent.clear()


def listing(path: Path) -> list[RemoteFile]:
    """The files at and below a path, in order of path; errors as of `describe`.

    A web server lists nothing: there a path is that of a file.
    """
    if url_of(path).startswith("http"):
        return [describe(path)]
    system, name = file_system(path)
    found = patiently(lambda: system.find(name, detail=True))
    if not found:
        return [describe(path)]
    root = name.rstrip("/")
    files = []
    for key, about in found.items():
        below = str(key).removeprefix(root).lstrip("/")
        files.append(_file(path / below if below else path, about))
    return sorted(files, key=lambda file: str(file.path))


class RangeFile(SeekableFile):
    """A file elsewhere, open for reading; only the ranges that are asked for are fetched.

    Attributes:
        bytes_read: from the store so far.

    Args:
        file: as its store describes it.
    """

    def __init__(self, file: RemoteFile) -> None:
        super().__init__(file.path.name, file.size)
        self._file = file
        self._system, self._name = file_system(file.path)
        self.bytes_read = 0
        self._next = -1  # the block after the last that was fetched
        self._ahead = 1
        self._ranges: list[
            tuple[int, bytes]
        ] = []  # first byte and content of those that were fetched together

    def readinto(self, buffer: Any) -> int:
        """Read up to the end of a block or of a fetched range; OSError if the store does not answer."""
        if self._at >= self._size:
            return 0
        piece = self._held()[: len(buffer)]
        buffer[: len(piece)] = piece
        self._at += len(piece)
        return len(piece)

    def prefetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        """Fetch ranges of bytes, begin and end of each, side by side, in place of those that were fetched before.

        Raises:
            OSError: the store does not answer.
        """
        wanted = _merged(ranges, self._size)
        if self._file.path in _whole or not wanted:
            return
        begins, ends = zip(*wanted, strict=True)
        names = [self._name] * len(wanted)
        pieces = patiently(lambda: self._system.cat_ranges(names, [*begins], [*ends], on_error="raise"))
        self._count(sum(map(len, pieces)))
        self._ranges = [
            (begin, piece)
            for begin, end, piece in zip(begins, ends, pieces, strict=True)
            if len(piece) == end - begin  # else it is read when it is asked for, and told then
        ]

    def _held(self) -> memoryview:
        """What is known from the position on, at least a byte."""
        for begin, piece in self._ranges:
            if begin <= self._at < begin + len(piece):
                return memoryview(piece)[self._at - begin :]
        number, within = divmod(self._at, _BLOCK)
        return memoryview(self._block(number))[within:]

    def _count(self, fetched: int) -> None:
        global _fetched
        self.bytes_read += fetched
        with _lock:
            _fetched += fetched

    def _block(self, number: int) -> bytes:
        path, tag = self._file.path, self._file.tag
        with _lock:
            known = _blocks.get((path, tag, number))
            if known is not None:
                _blocks.move_to_end((path, tag, number))
                return known
        self._ahead = min(self._ahead * 2, _MAX_BLOCKS) if number == self._next else 1
        begin = number * _BLOCK
        end = min(begin + self._ahead * _BLOCK, self._size)
        data = patiently(lambda: self.fetch(begin, end))
        self._next = number + -(-len(data) // _BLOCK)
        with _lock:
            for at in range(0, len(data), _BLOCK):
                _blocks[path, tag, number + at // _BLOCK] = data[at : at + _BLOCK]
            while len(_blocks) > _KEPT_BLOCKS:
                _blocks.popitem(last=False)
        return data[:_BLOCK]

    def fetch(self, begin: int, end: int) -> bytes:
        """The bytes from `begin` up to `end`, by a single attempt; errors are those of the store's package."""
        data: bytes = self._system.cat_file(self._name, start=begin, end=end)
        self._count(len(data))
        if len(data) == self._size > end - begin:  # a web server that does not know ranges
            _whole.add(self._file.path)
            data = data[begin:end]
        if len(data) != end - begin:
            raise OSError(errno.EIO, "the store sent less than was asked for")
        return data


def fetch(file: RemoteFile, begin: int, end: int) -> bytes:
    """The bytes from `begin` up to `end`, by a request that is repeated if it fails; OSError if all attempts fail."""
    return patiently(lambda: RangeFile(file).fetch(begin, end))


def is_sent_whole(file: RemoteFile) -> bool:
    """Whether its server was found to send the file whole, whatever range is asked for."""
    return file.path in _whole


def _merged(ranges: Sequence[tuple[int, int]], size: int) -> list[tuple[int, int]]:
    """The ranges, within `size` bytes and in order, those that lie close together as one."""
    merged: list[tuple[int, int]] = []
    for begin, end in sorted(ranges):
        end = min(end, size)
        if merged and begin - merged[-1][1] <= _MERGED_GAP:
            merged[-1] = (merged[-1][0], max(merged[-1][1], end))
        elif begin < end:
            merged.append((begin, end))
    return merged


def file_system(path: Path) -> tuple[Any, str]:
    """The fsspec file system of a path, and the path's name there.

    Raises:
        UsageError: the store's package is not installed, or finds no account.
    """
    import fsspec

    url = url_of(path)
    scheme = url.partition("://")[0]
    try:
        _forget_other_environments(scheme)
        system, name = fsspec.core.url_to_fs(url, use_listings_cache=False)
    except ImportError as error:
        raise UsageError(
            f"{scheme}:// needs a package that is not installed ({error.name or 'see the message'}): "
            "pip install 'jepa-retrieval[cloud]'"
        ) from error
    except ValueError as error:  # of adlfs without an account; its words may hold what was given for one
        raise UsageError(
            f"{scheme}:// cannot be used without credentials in the environment"
            + (f" (set {VARIABLES[scheme]})" if scheme in VARIABLES else "")
        ) from error
    return system, name


def _forget_other_environments(scheme: str) -> None:
    """Let a store that was connected to with other variables, such as its credentials, be connected to anew."""
    import fsspec

    environment = dict(os.environ)
    with _lock:
        before = _environments.get(scheme)
        _environments[scheme] = environment
    if before not in (None, environment):
        fsspec.get_filesystem_class(scheme).clear_instance_cache()


def _file(path: Path, found: dict[str, Any]) -> RemoteFile:
    tag = next((str(found[name]).strip('"') for name in _TAGS if found.get(name)), "")
    moment = next((found[name] for name in _TIMES if found.get(name)), None)
    mtime_ns = int(moment.timestamp() * 1e9) if isinstance(moment, datetime) else 0
    return RemoteFile(path, int(found.get("size") or 0), mtime_ns, tag)
