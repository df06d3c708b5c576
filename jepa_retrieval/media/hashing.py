"""Content hashes: moved and changed files are recognised by them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import os_reason
from jepa_retrieval.media.sources.opening import open_binary, status
from jepa_retrieval.source_paths import is_remote

_BLOCK = 2**20


def content_hash(path: Path, *, on_tick: Callable[[], None] | None = None) -> str:
    """Return the xxh3_128 of the whole file as 32 hexadecimal digits; of a file elsewhere `tag:` and its ETag.

    Args:
        path: the file.
        on_tick: called between blocks of 1 MiB, so that the caller can show progress.

    Raises:
        UnreadableMediaError: the file cannot be read.
    """
    import xxhash

    digest = xxhash.xxh3_128()
    block = memoryview(bytearray(_BLOCK))
    try:
        if is_remote(path) and (tag := status(path).tag):
            return content_tag(tag)
        with open_binary(Path(path)) as file:
            while count := file.readinto(block):  # type: ignore[attr-defined]
                digest.update(block[:count])
                if on_tick is not None:
                    on_tick()
    except OSError as error:
        raise UnreadableMediaError(path, os_reason(error)) from error
    return digest.hexdigest()


def head_hash(path: Path) -> str:
    """`head:` and the xxh3_128 of the first 1 MiB; of a file elsewhere `tag:` and its ETag.

    It stands for the content of a file that cannot be used, which may be as large as a disk.

    Raises:
        UnreadableMediaError: the file cannot be read.
    """
    import xxhash

    try:
        if is_remote(path) and (tag := status(path).tag):
            return content_tag(tag)
        with open_binary(Path(path)) as file:
            head = file.read(_BLOCK) or b""  # None of what has nothing to read now, such as files in /proc
            return f"head:{xxhash.xxh3_128(head).hexdigest()}"
    except OSError as error:
        raise UnreadableMediaError(path, os_reason(error)) from error


def content_tag(tag: str) -> str:
    """What stands for the hash of a file elsewhere, which is not read whole: its ETag, marked as such."""
    return f"tag:{tag}"
