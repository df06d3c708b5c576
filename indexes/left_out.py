"""`left_out.jsonl`: files that the last run did not take into the index, and why.

The list only informs; searches do not use it. It changes together with the commit that it belongs to: before the
manifest is replaced it is written as `left_out.next.jsonl`, with the number of the coming commit, and it counts once
the manifest has reached that number. Then it takes the place of the old list. A writer that dies in between leaves
the old list with the old commit, or the new one with the new commit. The first line is a header, each further line
one file. An index without the list is valid.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.files import write_atomically
from indexes.manifest import Manifest
from indexes.reasons import reason
from indexes.untrusted import open_regular, parse_json

logger = logging.getLogger(__name__)

FILE_NAME = "left_out.jsonl"
NEXT_FILE_NAME = "left_out.next.jsonl"
FORMAT = "jepa-left-out"
FORMAT_VERSION = 1

MAX_LISTED = 100_000
# A longer line was not written by this program.
MAX_LINE_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class LeftOutFile:
    """One file that was not indexed on purpose; files that could not be read are `MediaRecord`s with state failed."""

    path: str  # as in `MediaRecord`
    reason: str  # a few words, such as "unknown file type .xyz"


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Everything that was left out."""

    files: tuple[LeftOutFile, ...] = ()  # ordered by path; up to MAX_LISTED
    unlisted: int = 0  # how many more there are

    @property
    def count(self) -> int:
        """How many files were left out."""
        return len(self.files) + self.unlisted


def merge(before: LeftOut, files: Iterable[LeftOutFile], below: Sequence[str] | None) -> LeftOut:
    """The list after a run over the files and folders `below` (stored paths; None: all) that left out `files`."""
    kept = () if below is None else (file for file in before.files if not _is_below(file.path, below))
    by_path = {file.path: file for file in (*kept, *files)}
    ordered = sorted(by_path.values(), key=lambda file: file.path)
    unlisted = max(0, len(ordered) - MAX_LISTED) + (0 if below is None else before.unlisted)
    return LeftOut(tuple(ordered[:MAX_LISTED]), unlisted)


def write(folder: Path, manifest: Manifest, left_out: LeftOut) -> None:
    """Replace the list of the index in `folder`, at once.

    Raises:
        OSError: the folder cannot be written.
    """
    _write(folder / FILE_NAME, manifest, left_out, commit=manifest.commit.number)


def prepare(folder: Path, manifest: Manifest, left_out: LeftOut) -> None:
    """Write a list that replaces the present one when the commit after that of `manifest` is made.

    Raises:
        OSError: the folder cannot be written.
    """
    _write(folder / NEXT_FILE_NAME, manifest, left_out, commit=manifest.commit.number + 1)


def settle(folder: Path, manifest: Manifest) -> None:
    """Put a prepared list in its place if its commit was made, else delete it. Only for the writer.

    Raises:
        OSError: the folder cannot be written.
    """
    path = folder / NEXT_FILE_NAME
    if not os.path.lexists(path):
        return
    if _prepared(folder, manifest) is None:
        path.unlink(missing_ok=True)
    else:
        path.replace(folder / FILE_NAME)


def _write(path: Path, manifest: Manifest, left_out: LeftOut, *, commit: int) -> None:
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "index_id": manifest.index_id,
        "commit": commit,
        "files": len(left_out.files),
        "unlisted": left_out.unlisted,
    }
    rows = ({"path": file.path, "reason": file.reason} for file in left_out.files)
    # ASCII, so that paths that are not valid Unicode survive.
    write_atomically(path, "".join(json.dumps(row) + "\n" for row in (header, *rows)).encode())


def read(folder: Path, manifest: Manifest) -> LeftOut:
    """The list of the index in `folder`; empty if there is none, or (with a warning) if it cannot be read."""
    path = folder / FILE_NAME
    try:
        return load(folder, manifest)
    except FileNotFoundError:
        return LeftOut()
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s; the next `jepa index` replaces it", path, reason(error))
        return LeftOut()


def load(folder: Path, manifest: Manifest) -> LeftOut:
    """The list that belongs to the commit of `manifest`.

    Raises:
        OSError, ValueError: it cannot be read, is damaged or belongs to another index.
    """
    prepared = _prepared(folder, manifest)
    return _load(folder / FILE_NAME, manifest)[0] if prepared is None else prepared


def _prepared(folder: Path, manifest: Manifest) -> LeftOut | None:
    """The prepared list, if its commit was made."""
    try:
        found, commit = _load(folder / NEXT_FILE_NAME, manifest)
    except (OSError, ValueError):  # mostly there is none; a damaged one was never committed
        return None
    return found if commit <= manifest.commit.number else None


def _load(path: Path, manifest: Manifest) -> tuple[LeftOut, int]:
    """The content of a file and the number of its commit, which files of older programs do not state."""
    with open_regular(path) as file:
        header = _object(file.readline(MAX_LINE_BYTES + 1))
        if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        if header.get("index_id") != manifest.index_id:
            raise ValueError("it belongs to another index")
        files, unlisted, commit = header.get("files"), header.get("unlisted"), header.get("commit", 0)
        if not (
            (type(files) is int and 0 <= files <= MAX_LISTED)
            and (type(unlisted) is int and unlisted >= 0)
            and (type(commit) is int and commit >= 0)
        ):
            raise ValueError("its first line is damaged")
        rows = tuple(_file(file.readline(MAX_LINE_BYTES + 1)) for _ in range(files))
        if file.read(1):
            raise ValueError("it has more lines than its first line says")
    return LeftOut(rows, unlisted), commit


def _is_below(path: str, folders: Sequence[str]) -> bool:
    return any(folder in (".", "", path) or path.startswith(folder.rstrip("/") + "/") for folder in folders)


def _file(line: bytes) -> LeftOutFile:
    row = _object(line)
    path, why = row.get("path"), row.get("reason")
    if not (isinstance(path, str) and isinstance(why, str)):
        raise ValueError("a line is damaged")
    return LeftOutFile(path, why)


def _object(line: bytes) -> dict[str, object]:
    if len(line) > MAX_LINE_BYTES or not line.endswith(b"\n"):
        raise ValueError("a line is too long or cut short")
    row = parse_json(line)
    if not isinstance(row, dict):
        raise ValueError("a line is not a JSON object")
    return row
