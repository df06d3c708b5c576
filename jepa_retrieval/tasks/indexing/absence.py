"""Known files that a scan did not find: deleted, left out by today's options, or on a disk that is not there.

Nothing is removed from an index because a disk or an option is missing. A file that is not on disk counts as deleted
only if its folder is there and holds something, and if its root still holds one of the files that the index has
there. Device numbers would say no more: they change when a computer starts again. The same holds for folders inside a
root that were mount points when they were indexed and are none now, whether they are there or not. An index that was
made before this was noted knows no mount points: where desktops make folders for disks, and remove them, is known.
"""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from indexes.reasons import NO_SUCH_FILE
from jepa_retrieval.media import LeftOut, ScanProblem, is_there
from jepa_retrieval.source_paths import SHARD_SUFFIX, is_ordinary, is_remote, shard_of
from jepa_retrieval.tasks.encoding.media_root import MediaRoot

NOT_THERE = NO_SUCH_FILE
EMPTY = "the folder is empty"
HOLDS_NONE = "the folder holds none of the files that the index has there"
NOT_MOUNTED = "no disk is mounted there now, as one was when it was indexed"
SHARD_HOLDS_NONE = "the shard holds none of the files that the index has there"

# Where desktops make a folder for each disk that is plugged in, and remove it afterwards (udisks, macOS).
MOUNT_FOLDERS = ("/media", "/media/*", "/run/media/*", "/mnt", "/Volumes")


@dataclass(frozen=True, slots=True)
class AbsentFolder:
    """A file or folder that is not as it was, perhaps because a disk is missing; its files stay in the index."""

    path: str
    reason: str
    files: int  # that the index has there


@dataclass(slots=True)
class LostFiles:
    """Known files below the roots of a run that its scan did not find, by stored paths."""

    gone: list[str] = field(default_factory=list)  # deleted, or excluded by a pattern
    unselected: list[str] = field(
        default_factory=list
    )  # on disk, but the options of the run do not select them
    folders: list[str] = field(default_factory=list)  # folders today, as those that could not be read before
    absent: list[AbsentFolder] = field(default_factory=list)
    absent_files: list[str] = field(default_factory=list)  # in those folders


def sort_lost(
    lost: Sequence[str],
    *,
    roots: Sequence[Path],
    problems: Sequence[ScanProblem],
    left_out: Sequence[LeftOut],
    held: Sequence[str],
    mounts: Sequence[str],
    media_root: MediaRoot,
) -> LostFiles:
    """Sort lost files by why the scan did not find them.

    Files outside the roots, and below what the scan could not read, are in none of the lists.

    Args:
        lost: stored paths of known files that were not found.
        roots: files and folders of the run; some may not exist.
        problems: what the scan could not read.
        left_out: what it left out on purpose; files that a pattern excludes are gone, for somebody asked for that.
        held: stored paths of known files that were found.
        mounts: stored paths of folders that were mount points when they were indexed.
        media_root: what stored paths are relative to.
    """
    found = LostFiles()
    scanned = tuple(media_root.prefix(root) for root in roots)
    unreadable = tuple(media_root.prefix(problem.path) for problem in problems)
    excluded = tuple(media_root.prefix(item.path) for item in left_out if item.reason == "excluded")
    missing: dict[str, Path] = {}
    for text in lost:
        full = media_root.full(text) + "/"
        if not full.startswith(scanned) or full.startswith(unreadable):
            continue
        path = media_root.to_path(text)
        if full.startswith(excluded):
            found.gone.append(text)
        elif not is_there(path):
            missing[text] = path
        elif is_ordinary(path) and os.path.isdir(path):  # noqa: PTH112 (False where a link may not be followed)
            found.folders.append(text)
        else:
            found.unselected.append(text)
    there = [media_root.full(text) + "/" for text in (*held, *found.unselected)]
    places = [(root, False) for root in roots] + [(media_root.to_path(text), True) for text in mounts]
    for place, is_mount in places:
        prefix = media_root.prefix(place)
        inside = [text for text in missing if (media_root.full(text) + "/").startswith(prefix)]
        holds_known = any(full.startswith(prefix) for full in there)
        reason = (_why_not_mounted if is_mount else _why_absent)(place, holds_known=holds_known)
        if inside and reason is not None:
            _note_absent(found, place, reason, inside)
            for text in inside:
                del missing[text]
    _sort_by_folder(missing, found)
    return found


def _sort_by_folder(missing: Mapping[str, Path], found: LostFiles) -> None:
    """Sort files that are not there by what is left of their folders."""
    by_folder: dict[tuple[Path, str], list[str]] = defaultdict(list)
    emptiness: dict[Path, bool] = {}
    for text, path in missing.items():
        highest_missing, folder = _edge(path)
        if highest_missing != path and _held_disk(highest_missing):
            by_folder[highest_missing, NOT_THERE].append(text)
        elif emptiness.setdefault(folder, _is_empty(folder)):
            by_folder[folder, EMPTY].append(text)
        else:
            found.gone.append(text)
    for (folder, reason), inside in by_folder.items():
        _note_absent(found, folder, reason, inside)


def _note_absent(found: LostFiles, folder: Path, reason: str, files: list[str]) -> None:
    found.absent.append(AbsentFolder(str(folder), reason, len(files)))
    found.absent_files += files


def _why_absent(root: Path, *, holds_known: bool) -> str | None:
    if is_remote(root):  # it was listed
        return None if holds_known else HOLDS_NONE
    if not os.path.lexists(root):
        return NOT_THERE
    if holds_known:
        return None
    if root.suffix == SHARD_SUFFIX and root.is_file():  # overwritten with zeros it is an empty one
        return SHARD_HOLDS_NONE
    if not root.is_dir():
        return None
    return EMPTY if _is_empty(root) else HOLDS_NONE


def _why_not_mounted(folder: Path, *, holds_known: bool) -> str | None:
    return None if holds_known or os.path.ismount(folder) else NOT_MOUNTED


def _edge(path: Path) -> tuple[Path, Path]:
    """The highest part of a path that is not there any more, and the folder above it, which is."""
    if not is_ordinary(path):
        return path, (shard_of(path) or path).parent
    chain = (path, *path.parents)
    return next((below, folder) for below, folder in pairwise(chain) if folder.is_dir())


def _held_disk(folder: Path) -> bool:
    """Whether a folder that is gone was one that a desktop makes for a disk."""
    parent = folder.parent
    return any(len(parent.parts) == len(Path(known).parts) and parent.match(known) for known in MOUNT_FOLDERS)


def _is_empty(folder: Path) -> bool:
    """Whether a folder has no entries; one that cannot be read counts as empty. Elsewhere there are no empty ones."""
    if is_remote(folder):
        return False
    try:
        with os.scandir(folder) as entries:
            return next(entries, None) is None
    except OSError:
        return True
