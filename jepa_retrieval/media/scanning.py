"""Walks folders for media files."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.reasons import os_reason
from jepa_retrieval.media.suffixes import MEDIA_SUFFIXES, TYPESCRIPT_SUFFIXES

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec

INDEX_FOLDER = ".jepa"  # never searched for media


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A media file as the folder lists it; it was not opened."""

    path: Path  # absolute, symbolic links not resolved
    size: int  # bytes
    mtime_ns: int


@dataclass(frozen=True, slots=True)
class ScanProblem:
    """A folder or file that could not be looked at; the scan went on."""

    path: Path
    reason: str


def scan(
    roots: Sequence[Path | str] | Path | str,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    hidden: bool = False,
    follow_links: bool = False,
) -> Iterator[FoundFile | ScanProblem]:
    """Find media files by name under `roots`, folders in order of name, each file once.

    Args:
        roots: folders, and files, which are taken whatever their names and patterns say.
        include: patterns in the manner of .gitignore, relative to the root; if any, only files that match are found.
        exclude: such patterns; files that match are left out, folders that match are not entered.
        hidden: also look at names that begin with a dot.
        follow_links: enter linked folders too, each real folder once. Linked files are found either way.

    Raises:
        UsageError: a root does not exist, or a pattern is not valid.
    """
    if isinstance(roots, str | os.PathLike):
        roots = [roots]
    absolute = [os.path.abspath(root) for root in roots]
    for given, root in zip(roots, absolute, strict=True):
        if not os.path.lexists(root):
            raise UsageError(f"there is no such file or folder: {given}")
    walker = _Walker(_spec(include), _spec(exclude), hidden=hidden, follow_links=follow_links)
    return walker.walk(absolute)


def _spec(patterns: Sequence[str]) -> GitIgnoreSpec | None:
    if not patterns:
        return None
    import pathspec

    try:
        return pathspec.GitIgnoreSpec.from_lines(patterns)
    except ValueError as error:
        raise UsageError(f"not a valid pattern among {list(patterns)}: {error}") from error


class _Walker:
    """One scan: its rules and the folders that it has entered."""

    def __init__(
        self,
        include: GitIgnoreSpec | None,
        exclude: GitIgnoreSpec | None,
        *,
        hidden: bool,
        follow_links: bool,
    ) -> None:
        self._include = include
        self._exclude = exclude
        self._hidden = hidden
        self._follow_links = follow_links
        self._entered: set[tuple[int, int]] = set()  # (device, inode): a folder is entered once
        self._named: set[str] = set()  # files given as roots

    def walk(self, roots: Sequence[str]) -> Iterator[FoundFile | ScanProblem]:
        """Find the named files first, then walk the folders."""
        folders = []
        for root in dict.fromkeys(roots):
            try:
                status = Path(root).stat()
            except OSError as error:
                yield ScanProblem(Path(root), os_reason(error))
                continue
            if stat.S_ISDIR(status.st_mode):
                folders.append((root, status))
            else:
                self._named.add(root)
                yield FoundFile(Path(root), status.st_size, status.st_mtime_ns)
        for root, status in folders:
            if self._first_visit(status):
                yield from self._walk_folder(root, "")

    def _first_visit(self, status: os.stat_result) -> bool:
        key = (status.st_dev, status.st_ino)
        if key in self._entered:
            return False
        self._entered.add(key)
        return True

    def _walk_folder(self, top: str, prefix: str) -> Iterator[FoundFile | ScanProblem]:
        """Walk depth first without recursion: a deep tree is no problem."""
        todo = [(top, prefix)]
        while todo:
            folder, prefix = todo.pop()
            try:
                with os.scandir(folder) as listing:
                    entries = sorted(listing, key=lambda entry: entry.name)
            except OSError as error:
                yield ScanProblem(Path(folder), os_reason(error))
                continue
            inner = []
            for entry in entries:
                if entry.name[0] == "." and (not self._hidden or entry.name == INDEX_FOLDER):
                    continue
                relative = prefix + entry.name
                try:
                    if entry.is_dir():
                        if self._enters(entry, relative):
                            inner.append((entry.path, relative + "/"))
                    elif self._wants(entry, relative):
                        status = entry.stat()
                        if stat.S_ISREG(status.st_mode):
                            yield FoundFile(Path(entry.path), status.st_size, status.st_mtime_ns)
                except OSError as error:
                    yield ScanProblem(Path(entry.path), os_reason(error))
            todo.extend(reversed(inner))

    def _enters(self, entry: os.DirEntry[str], relative: str) -> bool:
        if entry.is_symlink() and not self._follow_links:
            return False
        if self._exclude is not None and self._exclude.match_file(relative + "/"):
            return False
        return self._first_visit(entry.stat())

    def _wants(self, entry: os.DirEntry[str], relative: str) -> bool:
        suffix = os.path.splitext(entry.name)[1].lower()  # noqa: PTH122 - ten thousand paths would cost too much
        if suffix not in MEDIA_SUFFIXES or entry.path in self._named:
            return False
        if self._include is not None and not self._include.match_file(relative):
            return False
        if self._exclude is not None and self._exclude.match_file(relative):
            return False
        return suffix not in TYPESCRIPT_SUFFIXES or _is_transport_stream(entry.path)


def _is_transport_stream(path: str) -> bool:
    """Whether a .ts or .mts file is MPEG rather than TypeScript."""
    with Path(path).open("rb") as file:
        head = file.read(5)
    return head[:1] == b"\x47" or head[4:5] == b"\x47"
