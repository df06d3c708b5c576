"""Walks folders for media files, and notes what it leaves out."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from indexes.manifest import FILE_NAME as MANIFEST
from indexes.reasons import NO_SUCH_FILE
from indexes.tables import CLIPS, MEDIA
from jepa_retrieval.arguments import as_paths
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media.kinds import looks_like_media
from jepa_retrieval.media.patterns import Patterns, RootPatterns
from jepa_retrieval.media.reasons import os_reason
from jepa_retrieval.media.sources import opening
from jepa_retrieval.media.sources.finding import Listed, find, is_source
from jepa_retrieval.media.sources.opening import is_there
from jepa_retrieval.media.suffixes import (
    AUDIO_SUFFIXES,
    MEDIA_SUFFIXES,
    OTHER_SUFFIXES,
    TYPESCRIPT_SUFFIXES,
)
from jepa_retrieval.media.system_folders import is_system_folder
from jepa_retrieval.source_paths import is_remote, shard_of

# An index is never searched for media, nor what a rebuild keeps beside it.
_INDEX_FOLDER = re.compile(r"\.jepa(\.rebuilding|\.replaced-\d+)?")
_FILES_OF_INDEX = frozenset({MANIFEST, MEDIA, CLIPS})

LeftOutReason = Literal[
    "unknown kind",
    "audio only",
    "excluded",  # by a pattern
    "not included",  # other files are, by a pattern
    "hidden",
    "system folder",
    "linked folder",
    "special file",  # a pipe, a socket or a device
    # Members of shards:
    "link",
    "sparse file",
    "unsafe name",  # it leads out of the shard, or nowhere
    "duplicate name",  # of two with one name the first
]


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A media file as the folder lists it; at most its first bytes were read."""

    path: Path  # absolute, symbolic links not resolved
    size: int  # bytes
    mtime_ns: int
    tag: str = ""  # of a file elsewhere: its ETag


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A folder or file that could not be examined; the scan went on."""

    path: Path
    reason: str


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file or a folder that the scan did not take; of a folder nothing in it was examined."""

    path: Path
    reason: LeftOutReason


class Scan(Iterator[FoundFile | ScanProblem]):
    """Yields the media files; see `scan`.

    Attributes:
        left_out: files and folders that were not taken so far, in the order in which they were met.
        mounts: mount points that were entered so far, roots among them.
    """

    def __init__(self, walker: _Walker, roots: Sequence[str]) -> None:
        self._walker = walker
        self._found = walker.walk(roots)
        self.left_out = walker.left_out
        self.mounts = walker.mounts

    def __next__(self) -> FoundFile | ScanProblem:
        return next(self._found)

    @property
    def unmatched_patterns(self) -> list[str]:
        """Patterns that have matched nothing so far."""
        return [*self._walker.include.unmatched, *self._walker.exclude.unmatched]


def scan(
    roots: Sequence[Path | str] | Path | str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
    system_folders: bool = False,
    follow_links: bool = False,
    sound: bool = False,
) -> Scan:
    """Find media files under `roots`, folders in order of name, each file once.

    A file is taken for its suffix; one with an unknown suffix, or none, for its first bytes.

    Args:
        roots: folders; files, which are taken whatever their names and patterns say; WebDataset shards (.tar), whose
            files are taken as those of a folder; manifests (.jsonl), which name files; and addresses of files and
            folders elsewhere (`jepa_retrieval.source_paths`).
        include: patterns, see `Patterns`; if any, only files that match are found.
        exclude: such patterns; files that match are left out, folders that match are not entered.
        hidden: also take names that begin with a dot.
        system_folders: also enter folders that devices and programs make, such as @eaDir and $RECYCLE.BIN.
        follow_links: enter linked folders too, each real folder once. Linked files are found either way.
        sound: also take files with sound only.

    Returns:
        An iterator of files and problems, which lists what it leaves out as well.

    Raises:
        UsageError: a root does not exist, or a pattern is not valid.
    """
    roots = as_paths("roots", roots)
    absolute = [os.path.abspath(root) for root in roots]
    for given, root in zip(roots, absolute, strict=True):
        if not is_remote(root) and not is_there(Path(root)):
            raise UsageError(f"{given}: {NO_SUCH_FILE}")
    walker = _Walker(
        Patterns(include),
        Patterns(exclude),
        hidden=hidden,
        system_folders=system_folders,
        follow_links=follow_links,
        sound=sound,
    )
    return Scan(walker, absolute)


class _Walker:
    """One scan: its rules and the folders that it has entered."""

    def __init__(
        self,
        include: Patterns,
        exclude: Patterns,
        *,
        hidden: bool,
        system_folders: bool,
        follow_links: bool,
        sound: bool,
    ) -> None:
        self.include = include
        self.exclude = exclude
        self.left_out: list[LeftOut] = []
        self.mounts: list[Path] = []
        self._hidden = hidden
        self._system_folders = system_folders
        self._follow_links = follow_links
        self._sound = sound
        self._suffixes = MEDIA_SUFFIXES | AUDIO_SUFFIXES if sound else MEDIA_SUFFIXES
        self._entered: set[tuple[int, int]] = set()  # (device, inode): a folder is entered once
        self._named: set[str] = set()  # files given as roots
        self._included: RootPatterns | None = None  # patterns for the root that is being walked
        self._excluded: RootPatterns | None = None

    def walk(self, roots: Sequence[str]) -> Iterator[FoundFile | ScanProblem]:
        """Find the named files first, then walk the folders."""
        folders = []
        for root in dict.fromkeys(roots):
            if is_source(Path(root)):
                yield from self._walk_source(Path(root))
                continue
            try:
                if shard_of(root) is not None:
                    about = opening.status(Path(root))
                    yield FoundFile(Path(root), about.size, about.mtime_ns)
                    continue
                status = Path(root).stat()
            except OSError as error:
                yield ScanProblem(Path(root), os_reason(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append((root, status))
            elif not stat.S_ISREG(status.st_mode):
                yield ScanProblem(Path(root), "is not a regular file")
            else:
                self._named.add(root)
                yield FoundFile(Path(root), status.st_size, status.st_mtime_ns)
        for root, status in folders:
            if self._first_visit(status):
                if os.path.ismount(root):
                    self.mounts.append(Path(root))
                self._included, self._excluded = self.include.below(root), self.exclude.below(root)
                yield from self._walk_folder(root, status.st_dev)

    def _walk_source(self, root: Path) -> Iterator[FoundFile | ScanProblem]:
        """Take the files of an address, a shard or a manifest."""
        self._included, self._excluded = self.include.below(str(root)), self.exclude.below(str(root))
        try:
            for listed in find(root):
                about = listed.status
                if isinstance(about, Exception):
                    reason = os_reason(about) if isinstance(about, OSError) else str(about)
                    yield ScanProblem(listed.path, reason)
                elif isinstance(about, str):
                    self.left_out.append(LeftOut(listed.path, about))
                elif (why := self._reason_of_listed(listed)) is not None:
                    self.left_out.append(LeftOut(listed.path, why))
                else:
                    yield FoundFile(listed.path, about.size, about.mtime_ns, about.tag)
        except OSError as error:
            yield ScanProblem(root, os_reason(error))

    def _reason_of_listed(self, listed: Listed) -> LeftOutReason | None:
        if not listed.name:
            return None
        suffix = listed.path.suffix.lower()
        reason = self._reason_by_name(listed.path.name, suffix, listed.name)
        if reason is None and suffix not in self._suffixes:
            reason = "unknown kind"  # it is not opened to see
        return reason

    def _first_visit(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        if key in self._entered:
            return False
        self._entered.add(key)
        return True

    def _walk_folder(self, root: str, device: int) -> Iterator[FoundFile | ScanProblem]:
        """Walk depth first without recursion: a deep tree is no problem. `device`: that of the root."""
        todo = [(root, "", device)]
        while todo:
            folder, prefix, device = todo.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield ScanProblem(Path(folder), os_reason(error))
                continue
            if {entry.name for entry in entries} >= _FILES_OF_INDEX:
                continue  # an index of another name
            inner: list[tuple[str, str, int]] = []
            for entry in entries:
                relative = prefix + entry.name
                try:
                    if entry.is_dir():
                        if self._enters(entry, relative + "/"):
                            inner.append((entry.path, relative + "/", self._device(entry, device)))
                    elif (found := self._take(entry, relative)) is not None:
                        yield found
                except OSError as error:
                    yield ScanProblem(Path(entry.path), os_reason(error))
                except UnreadableMediaError as error:
                    yield ScanProblem(Path(entry.path), error.reason)
            todo.extend(reversed(inner))

    def _enters(self, entry: os.DirEntry[str], relative: str) -> bool:
        reason: LeftOutReason | None = None
        if _INDEX_FOLDER.fullmatch(entry.name):
            return False
        if not self._system_folders and is_system_folder(entry.name):
            reason = "system folder"
        elif entry.name.startswith(".") and not (self._hidden or is_system_folder(entry.name)):
            reason = "hidden"
        elif entry.is_symlink() and not self._follow_links:
            reason = "linked folder"
        elif self._excluded is not None and self._excluded.match(relative):
            reason = "excluded"
        if reason is not None:
            self.left_out.append(LeftOut(Path(entry.path), reason))
            return False
        return self._first_visit(entry.stat())

    def _device(self, entry: os.DirEntry[str], above: int) -> int:
        """The device of a folder that is entered; another one than that of the folder above is a mount."""
        device = entry.stat().st_dev
        if device != above and not entry.is_symlink():
            self.mounts.append(Path(entry.path))
        return device

    def _take(self, entry: os.DirEntry[str], relative: str) -> FoundFile | None:
        if entry.path in self._named:
            return None
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - ten thousand paths would cost too much
        reason = self._reason_by_name(entry.name, suffix, relative)
        if reason is None:
            status = entry.stat()
            if not stat.S_ISREG(status.st_mode):
                reason = "special file"
            elif (suffix not in self._suffixes or suffix in TYPESCRIPT_SUFFIXES) and not looks_like_media(
                entry.path, status.st_size, status.st_mtime_ns
            ):
                reason = "unknown kind"
            else:
                return FoundFile(Path(entry.path), status.st_size, status.st_mtime_ns)
        self.left_out.append(LeftOut(Path(entry.path), reason))
        return None

    def _reason_by_name(self, name: str, suffix: str, relative: str) -> LeftOutReason | None:
        """Why a file is left out that was not opened; None if nothing speaks against it."""
        if name.startswith(".") and not self._hidden:
            return "hidden"
        if suffix in AUDIO_SUFFIXES and not self._sound:
            return "audio only"
        if suffix in OTHER_SUFFIXES:
            return "unknown kind"
        if self._excluded is not None and self._excluded.match(relative):
            return "excluded"
        if self._included is not None and not self._included.match(relative):
            return "not included"
        return None
