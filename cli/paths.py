"""How the command line reads paths."""

from __future__ import annotations

import os
from pathlib import Path

from indexes.reasons import NO_SUCH_FILE
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import is_ordinary
from jepa_retrieval.user_paths import exists, is_existing_file, link_target, user_path


def parse_path(text: str) -> Path:
    """A path argument, with `~` expanded. Raises ValueError, which typer reports with the argument's name."""
    try:
        return user_path(text)
    except UsageError as error:
        raise ValueError(str(error)) from error


def require_file(path: Path) -> Path:
    """`path`, if it is a file; one in a store or an archive is looked for when it is read.

    Raises:
        UsageError: there is nothing, or something else.
    """
    if not is_ordinary(path):
        return path
    if not exists(path):
        raise UsageError(f"{path}: {NO_SUCH_FILE}")
    if not is_existing_file(path):
        raise UsageError(
            f"{path}: is not a file, but {'a folder' if path.is_dir() else 'a pipe or a device'}"
        )
    return path


def require_writable(path: Path) -> Path:
    """`path`, if a file can be written there. Checked before the work whose results it is to hold.

    Raises:
        UsageError: its folder does not exist or cannot be written, or a folder or a read-only file is there. A
            symbolic link is followed.
    """
    target = link_target(path)
    folder = target.parent
    if target.is_symlink():
        raise UsageError(f"{path}: cannot be written: its symbolic link leads in a circle")
    if not folder.is_dir():
        raise UsageError(f"{path}: cannot be written: {folder}: {NO_SUCH_FILE}")
    if path.is_dir():
        raise UsageError(f"{path}: cannot be written: it is a folder")
    if not os.access(path if exists(path) else folder, os.W_OK):
        raise UsageError(f"{path}: cannot be written: permission denied")
    return path


def parse_path_text(text: str) -> str:
    """A path argument that stays as it was written, because it may be a pattern or have an interval behind it."""
    if not text or "\0" in text:
        parse_path(text)
    return text
