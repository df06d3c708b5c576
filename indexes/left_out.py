"""`left_out.jsonl`: files that the last run did not take into the index, and why.

The list only informs; searches do not use it. It is replaced atomically after the commit that it belongs to. The
first line is a header, each further line one file. An index without the list is valid.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from indexes.files import write_atomically
from indexes.manifest import Manifest
from indexes.reasons import reason
from indexes.untrusted import open_regular, parse_json

logger = logging.getLogger(__name__)

FILE_NAME = "left_out.jsonl"
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


def merge_left_out(before: LeftOut, files: Iterable[LeftOutFile], below: Sequence[str] | None) -> LeftOut:
    """The list after a run over the files and folders `below` (stored paths; None: all) that left out `files`."""
    kept = () if below is None else (file for file in before.files if not _is_below(file.path, below))
    by_path = {file.path: file for file in (*kept, *files)}
    ordered = sorted(by_path.values(), key=lambda file: file.path)
    unlisted = max(0, len(ordered) - MAX_LISTED) + (0 if below is None else before.unlisted)
    return LeftOut(tuple(ordered[:MAX_LISTED]), unlisted)


def write_left_out(folder: Path, manifest: Manifest, left_out: LeftOut) -> None:
    """Replace the list of the index in `folder`.

    Raises:
        OSError: the folder cannot be written.
    """
    header = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "index_id": manifest.index_id,
        "files": len(left_out.files),
        "unlisted": left_out.unlisted,
    }
    rows = ({"path": file.path, "reason": file.reason} for file in left_out.files)
    # ASCII, so that paths that are not valid Unicode survive.
    write_atomically(folder / FILE_NAME, "".join(json.dumps(row) + "\n" for row in (header, *rows)).encode())


def read_left_out(folder: Path, manifest: Manifest) -> LeftOut:
    """The list of the index in `folder`; empty if there is none, or (with a warning) if it cannot be read."""
    path = folder / FILE_NAME
    try:
        return load_left_out(path, manifest)
    except FileNotFoundError:
        return LeftOut()
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s; the next `jepa index` replaces it", path, reason(error))
        return LeftOut()


def load_left_out(path: Path, manifest: Manifest) -> LeftOut:
    """The content of the file.

    Raises:
        OSError, ValueError: it cannot be read, is damaged or belongs to another index.
    """
    with open_regular(path) as file:
        header = _object(file.readline(MAX_LINE_BYTES + 1))
        if header.get("format") != FORMAT or header.get("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        if header.get("index_id") != manifest.index_id:
            raise ValueError("it belongs to another index")
        files, unlisted = header.get("files"), header.get("unlisted")
        if not (type(files) is int and 0 <= files <= MAX_LISTED and type(unlisted) is int and unlisted >= 0):
            raise ValueError("its first line is damaged")
        rows = tuple(_file(file.readline(MAX_LINE_BYTES + 1)) for _ in range(files))
        if file.read(1):
            raise ValueError("it has more lines than its first line says")
    return LeftOut(rows, unlisted)


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
