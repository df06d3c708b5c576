"""Paths as users write them."""

from __future__ import annotations

import os
from pathlib import Path

from jepa_retrieval.errors import UsageError


def user_path(path: Path | str) -> Path:
    """The path that a user wrote, with a leading `~` expanded.

    An empty text usually comes from a variable that is not set. `Path("")` would silently mean the working directory.

    Raises:
        UsageError: the path is empty, or contains a null character.
    """
    text = os.fspath(path)
    if not text:
        raise UsageError("the path is empty")
    if "\0" in text:
        raise UsageError(f"{text!r}: a path cannot contain a null character")
    return Path(os.path.expanduser(text))  # noqa: PTH111 - unlike Path.expanduser, it keeps ~ of unknown users


def absolute(path: Path | str) -> Path:
    """`user_path`, made absolute; symbolic links are kept.

    Raises:
        UsageError: the path is empty, or contains a null character.
    """
    return Path(os.path.abspath(user_path(path)))


def is_existing_file(path: Path | str) -> bool:
    """Whether there is a file at `path`. False for a text that is no possible path, such as a long sentence."""
    return os.path.isfile(path)  # noqa: PTH113 - unlike Path.is_file, it does not raise for a name that is too long


def exists(path: Path | str) -> bool:
    """Whether there is anything at `path`. False for a text that is no possible path, such as a long sentence."""
    return os.path.exists(path)  # noqa: PTH110 - as above
