"""Lists the files of what is not a folder: a prefix of an object store, a shard, a manifest."""

from __future__ import annotations

import errno
import itertools
import stat
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.media.sources import manifest, remote
from jepa_retrieval.media.sources.opening import Status, open_binary, read_shard, status
from jepa_retrieval.media.sources.tar import MemberReason
from jepa_retrieval.source_paths import SHARD_SUFFIX, is_remote

_AT_ONCE = 16  # requests about the files of a manifest


@dataclass(frozen=True, slots=True)
class Listed:
    """A file that a source lists."""

    path: Path
    name: str  # relative to the source; "" if the source names this file itself
    status: Status | Exception | MemberReason  # OSError or UsageError: why it cannot be looked at


def is_source(root: Path) -> bool:
    """Whether what a user names is to be listed by `find`, not walked through as a folder, or taken as a file."""
    return is_remote(root) or (root.suffix in (SHARD_SUFFIX, *manifest.SUFFIXES) and root.is_file())


def find(root: Path) -> Iterator[Listed]:
    """The files of a source.

    Raises:
        OSError: the source itself cannot be read.
        UsageError: a package for it is not installed.
    """
    if root.suffix == SHARD_SUFFIX:
        yield from _of_shard(root)
    elif root.suffix in manifest.SUFFIXES:
        yield from _of_manifest(root)
    else:
        for file in remote.listing(root):
            name = "" if file.path == root else file.path.relative_to(root).as_posix()
            yield Listed(file.path, name, Status(file.size, file.mtime_ns, file.tag))


def _of_shard(path: Path) -> Iterator[Listed]:
    shard = read_shard(path)
    for name, (_, size, mtime_ns) in shard.files.items():
        yield Listed(path / name, name, Status(size, mtime_ns))
    for name, reason in shard.left_out:
        yield Listed(path / name, name, reason)
    for name in shard.too_long:
        yield Listed(path / name, name, OSError(errno.ENAMETOOLONG, "its name is too long"))
    if shard.damage:
        yield Listed(path, "", ValueError(shard.damage))


def _of_manifest(path: Path) -> Iterator[Listed]:
    with open_binary(path) as file, ThreadPoolExecutor(_AT_ONCE) as pool:
        lines = manifest.entries(file, path.parent)
        while batch := list(itertools.islice(lines, _AT_ONCE * 16)):
            for number, entry in batch:
                if isinstance(entry, str):
                    yield Listed(path, "", ValueError(f"line {number} {entry}"))
            paths = [entry for _, entry in batch if isinstance(entry, Path)]
            for entry, about in zip(paths, pool.map(_look, paths), strict=True):
                yield Listed(entry, "", about)


def _look(path: Path) -> Status | Exception:
    try:
        about = status(path)
    except Exception as error:
        return error
    if stat.S_ISDIR(about.mode):
        return OSError(errno.EISDIR, "is a folder")
    if not stat.S_ISREG(about.mode):
        return OSError(errno.EINVAL, "is not a regular file")
    return about
