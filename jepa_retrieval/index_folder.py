"""Where indexes lie on disk."""

from __future__ import annotations

from pathlib import Path

from indexes import IndexWriteError
from indexes.reasons import NO_SUCH_FILE
from jepa_retrieval.errors import UsageError
from jepa_retrieval.user_paths import absolute, exists

INDEX_NAME = ".jepa"


def is_index(folder: Path) -> bool:
    """Whether this folder itself is an index."""
    return (folder / "manifest.json").is_file()


def existing_index(folder: Path | str) -> Path:
    """`folder/.jepa` if there is such a folder, else `folder` itself; absolute."""
    folder = absolute(folder)
    inside = folder / INDEX_NAME
    return inside if inside.is_dir() else folder


def find_index(start: Path | str) -> Path | None:
    """The nearest index folder at `start` or above it, as git finds `.git`; None if there is none."""
    start = absolute(start)
    for folder in (start, *start.parents):
        if is_index(folder / INDEX_NAME):
            return folder / INDEX_NAME
    return None


def folders_of_new_index(media: Path | str, index: Path | str | None) -> tuple[Path, Path]:
    """The media folder and the index folder of a new index, absolute.

    Args:
        media: an existing folder.
        index: where the index goes; None for `.jepa` in `media`.

    Raises:
        UsageError: `media` is no existing folder.
        IndexWriteError: there is an index already.
    """
    root = absolute(media)
    if not root.is_dir():
        raise UsageError(f"{media}: {'is not a folder' if exists(root) else NO_SUCH_FILE}")
    folder = root / INDEX_NAME if index is None else absolute(index)
    if is_index(folder):
        raise IndexWriteError(f"{folder} is an index already: open it with Library.open({str(folder)!r})")
    return root, folder
