"""Writing files so that a crash leaves the old or the new content, never a mixture."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path


def write_atomically(path: Path, data: bytes, *, durable: bool = True) -> None:
    """Replace `path` by `data`: whoever reads sees all of the old bytes or all of the new ones.

    Args:
        durable: get the bytes onto the disk before the name points at them, so that this holds through a power
            cut too.
    """
    draft = path.with_name(path.name + ".tmp")
    draft.write_bytes(data)
    if durable:
        sync_file(draft)
    draft.replace(path)
    if durable:
        sync_folder(path.parent)


def sync_file(path: Path) -> None:
    """Wait until a file's bytes are on the disk."""
    descriptor = os.open(path, os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_folder(folder: Path) -> None:
    """Wait until a folder's names are on the disk; Windows has no such call and needs none."""
    if os.name == "nt":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync_new_files(folder: Path, known: set[Path]) -> None:
    """Get the files below `folder` that are not yet `known` onto the disk, and add them to those."""
    new = files_below(folder) - known
    for path in new:
        sync_file(path)
    for parent in {path.parent for path in new}:
        sync_folder(parent)
    known |= new


def files_below(folder: Path) -> set[Path]:
    """All files below `folder`."""
    return {path for path, _ in _files_below(folder)}


def bytes_below(folder: Path) -> int:
    """Sum of the sizes of all files below `folder`; 0 if it does not exist."""
    return sum(status.st_size for _, status in _files_below(folder))


def _files_below(folder: Path) -> Iterator[tuple[Path, os.stat_result]]:
    # A writer may delete files while a reader counts them: what has gone is skipped.
    try:
        entries = list(os.scandir(folder))
    except FileNotFoundError:
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _files_below(Path(entry.path))
            continue
        try:
            yield Path(entry.path), entry.stat(follow_symlinks=False)
        except FileNotFoundError:
            continue
