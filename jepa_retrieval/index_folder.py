"""Where indexes lie on disk."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from indexes import IndexWriteError
from indexes.errors import JepaError
from indexes.manifest import read_manifest
from indexes.milvus.address import is_address
from indexes.reasons import NO_SUCH_FILE
from indexes.tables import CLIPS
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import is_remote, url_of
from jepa_retrieval.user_paths import absolute, exists

INDEX_NAME = ".jepa"


def is_index(folder: Path) -> bool:
    """Whether this folder itself is an index."""
    return (folder / "manifest.json").is_file()


def holds_records(folder: Path) -> bool:
    """Whether this folder is surely an index: other programs have a manifest.json, too."""
    return is_index(folder) and (folder / CLIPS).is_dir()


def existing_index(folder: Path | str) -> Path:
    """`folder/.jepa` if there is such a folder, else `folder` itself; absolute. One in a store as it is."""
    folder = absolute(folder)
    if is_remote(folder):
        return folder
    inside = folder / INDEX_NAME
    return inside if inside.is_dir() else folder


def find_index(start: Path | str) -> Path | None:
    """The nearest index folder at `start` or above it, as git finds `.git`; None if there is none."""
    start = absolute(start)
    for folder in (start, *start.parents):
        if is_index(folder / INDEX_NAME):
            return folder / INDEX_NAME
    return None


def existing_place(place: Path | str) -> Path | str:
    """`existing_index` of a folder; the address of a published index as it is."""
    return str(place) if is_address(place) else existing_index(place)


def require_distinct(folders: Sequence[Path | str]) -> None:
    """Refuse one index that is given twice, also by way of a link.

    Raises:
        UsageError: it is; the message names the folder.
    """
    known: set[str] = set()
    for folder in folders:
        real = str(folder) if is_address(folder) else os.path.realpath(folder)
        if real in known:
            raise UsageError(f"the index {folder} is given twice")
        known.add(real)


def index_names(folders: Sequence[Path | str]) -> list[str]:
    """A name for each index: its address, or that of its media folder, with a number where two are the same."""
    names: list[str] = []
    for folder in folders:
        name = str(folder) if isinstance(folder, str) else _media_name(folder)
        taken, number = name, 2
        while taken in names:
            taken, number = f"{name} {number}", number + 1
        names.append(taken)
    return names


def _media_name(folder: Path) -> str:
    """The name of an index's media folder; what is no index has its own, so that it takes none from another."""
    try:
        stated = read_manifest(folder).media_root
    except JepaError:
        media = folder.parent if folder.name == INDEX_NAME else folder
    else:
        media = Path(stated) if stated else folder.parent
    return media.name.encode("utf-8", "replace").decode() or "media"


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
    if is_remote(root) and index is None:
        raise UsageError(f"an index cannot lie at {url_of(root)}: choose a folder on this machine for it")
    if not is_remote(root) and not root.is_dir():
        raise UsageError(f"{media}: {'is not a folder' if exists(root) else NO_SUCH_FILE}")
    folder = root / INDEX_NAME if index is None else absolute(index)
    if is_index(folder):
        raise IndexWriteError(f"{folder} is an index already: open it with Library.open({str(folder)!r})")
    return root, folder
