"""Which files of an index clients may read: those below its media root, or below a folder that was allowed."""

from __future__ import annotations

import os
import stat
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from jepa_retrieval.media.sources.opening import place_in_shard
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.served import Commit
from jepa_retrieval.source_paths import is_remote, shard_of


class MediaFiles:
    """Finds the files of an index on disk, and says what clients call them."""

    def __init__(self, allowed: Sequence[Path] = ()) -> None:
        """`allowed`: folders beside the media roots."""
        self._allowed = [Path(os.path.realpath(folder)) for folder in allowed]

    def readable(self, commit: Commit, path: str) -> Path:
        """Where the file of a stored path really lies: a path without symbolic links, maybe into an archive.

        Raises:
            ProblemError: it is not there (404), or it or a link leads out of the allowed folders (403).
        """
        stated = commit.media_root.to_path(path)
        if is_remote(stated):
            raise ProblemError(404, "the file lies in a store elsewhere, from which the server reads nothing")
        shard = _shard_of(stated)
        if shard is None:
            return self._real(commit, stated)
        archive = self._real(commit, shard)
        file = archive / stated.relative_to(shard)
        if not _is_in_archive(file):
            raise ProblemError(404, "the file is not in its archive now, or the archive cannot be read")
        return file

    def _real(self, commit: Commit, stated: Path) -> Path:
        try:
            real = Path(os.path.realpath(stated, strict=True))
            status = real.stat()
        except (OSError, ValueError):
            raise ProblemError(404, "the file is not there now; its disk may be missing") from None
        roots = [Path(os.path.realpath(commit.media_root.folder)), *self._allowed]
        if not any(real.is_relative_to(root) for root in roots):
            raise ProblemError(
                403,
                "the file lies outside of the indexed folder; `jepa serve --media FOLDER` allows another folder",
            )
        if not stat.S_ISREG(status.st_mode):
            raise ProblemError(404, "it is not a regular file")
        return real

    def shown(self, commit: Commit, path: str) -> str:
        """A stored path as clients see it: never one that begins at the root of the disk; see `clean`."""
        if not path.startswith("/") and not os.path.isabs(path):  # noqa: PTH117 - for every hit; Path is slow
            return clean(path)
        full = Path(path)
        for root in self._allowed:
            if full.is_relative_to(root):
                return clean((Path(root.name) / full.relative_to(root)).as_posix())
        return clean(full.name)


def clean(text: str) -> str:
    """A text that can be encoded: what a file name holds that is no character becomes a question mark."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode()


class OpenedFile(NamedTuple):
    """A file that is being read: on its own, or a range of bytes of an archive."""

    descriptor: int
    begin: int  # first byte
    size: int  # bytes
    mtime_ns: int


def open_readable(path: Path) -> OpenedFile:
    """Open what `MediaFiles.readable` has found; the descriptor must be closed.

    Raises:
        ProblemError: it has been replaced by something else since, or may not be read.
    """
    try:
        place = place_in_shard(path)
    except OSError:
        raise ProblemError(404, "the file is not in its archive any more") from None
    descriptor = _open_regular(path if place is None else place.shard)
    status = os.fstat(descriptor)
    if place is None:
        return OpenedFile(descriptor, 0, status.st_size, status.st_mtime_ns)
    return OpenedFile(descriptor, place.begin, place.size, status.st_mtime_ns)


def _shard_of(path: Path) -> Path | None:
    try:
        return shard_of(path)
    except (OSError, ValueError):  # a name that no file has
        return None


def _is_in_archive(path: Path) -> bool:
    try:
        return place_in_shard(path) is not None
    except (OSError, ValueError):
        return False


def _open_regular(path: Path) -> int:
    """Open a file that `MediaFiles.readable` has found, for reading; a file descriptor.

    Raises:
        ProblemError: it has been replaced by something else since, or may not be read.
    """
    flags = (
        os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    )
    try:
        descriptor = os.open(path, flags)
    except OSError as error:
        raise ProblemError(404, f"the file cannot be read: {(error.strerror or 'unknown').lower()}") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise ProblemError(404, "it is not a regular file")
    return descriptor
