"""Paths as users write them."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import is_remote, is_url, path_of, shard_of

MAX_NAME_BYTES = 255  # of one name, on the usual file systems
MAX_PATH_BYTES = 4095  # of a whole path, on Linux
_SHOWN = 60  # characters of a text that is far too long


def user_path(path: Path | str) -> Path:
    """The path that a user wrote, with a leading `~` expanded; of an address such as s3://bucket/key its path.

    An empty text usually comes from a variable that is not set. `Path("")` would silently mean the working directory.

    Raises:
        UsageError: it is no path at all, is empty, contains a null character, or is too long, as a sentence may be;
            or it is an address with a password.
    """
    if not isinstance(path, str | os.PathLike):
        raise UsageError(f"a path must be a text or a Path, not {path!r:.60} ({type(path).__name__})")
    text = os.fspath(path)
    if not text:
        raise UsageError("the path is empty")
    if "\0" in text:
        raise UsageError(f"{text!r}: a path cannot contain a null character")
    if is_url(text):
        return path_of(text)
    expanded = Path(os.path.expanduser(text))  # noqa: PTH111 - unlike Path.expanduser, it keeps ~ of unknown users
    longest = max((len(os.fsencode(part)) for part in expanded.parts), default=0)
    if longest > MAX_NAME_BYTES or len(os.fsencode(expanded)) > MAX_PATH_BYTES:
        raise UsageError(f"'{text[:_SHOWN]}...' is too long for a file name")
    return expanded


def absolute(path: Path | str) -> Path:
    """`user_path`, made absolute; symbolic links are kept.

    Raises:
        UsageError: the path is empty, or contains a null character.
    """
    return Path(os.path.abspath(user_path(path)))


def link_target(path: Path) -> Path:
    """Where a file that is written at `path` goes: if a symbolic link is there, to what it points to."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path


def is_existing_file(path: Path | str) -> bool:
    """Whether there is a file at `path`. False for a text that is no possible path, such as a long sentence."""
    return os.path.isfile(path)  # noqa: PTH113 - unlike Path.is_file, it does not raise for a name that is too long


def exists(path: Path | str) -> bool:
    """Whether there is anything at `path`. False for a text that is no possible path, such as a long sentence.

    What lies elsewhere or in an archive is not asked for: it is there if its archive is.
    """
    if is_remote(path) or shard_of(path) is not None:
        return True
    return os.path.exists(path)  # noqa: PTH110 - as above


def not_a_file(path: Path | str) -> str | None:
    """What is wrong with something that is there and is no file, as the end of a message; None if nothing is."""
    if not exists(path) or is_existing_file(path):
        return None
    return f"is not a file, but {'a folder' if Path(path).is_dir() else 'a pipe or a device'}"


def is_endless(path: Path | str) -> bool:
    """Whether reading `path` might never end: a named pipe without a writer, a device such as /dev/zero.

    Standard input and the pipes that a shell makes for `<(command)` end with their writer.
    """
    if os.fspath(path) == "/dev/stdin" or os.fspath(path).startswith(("/dev/fd/", "/proc/self/fd/")):
        return False
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116 - as above
    except (OSError, ValueError):
        return False
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))
