"""The derived files in `vectors/`: what they hold, how they are replaced, how damage is noticed.

`vectors.json` names the other files, the commit they were made from and their checksums. It is replaced last, so
that it never names a file that is not complete. Embeddings are only ever appended to their file: a reader of an
older `vectors.json` looks at fewer rows of it and stays right. Nothing here is forced onto the disk: what a power cut
damages is noticed by its checksum and made anew.
"""

from __future__ import annotations

import contextlib
import json
import logging
import zlib
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from indexes.files import write_atomically
from indexes.vectors.hits import HIT_DTYPE, HitTable

logger = logging.getLogger(__name__)

FOLDER = "vectors"
DESCRIPTION = "vectors.json"
FORMAT_VERSION = 1

# Bytes of a large file that are read at once.
_PIECE = 4_194_304


class DamagedVectorsError(Exception):
    """A derived file is missing or not what it was; stays inside `indexes`, the file is made anew."""


@dataclass(frozen=True, slots=True)
class Part:
    """One file of `vectors/`."""

    file: str
    rows: int
    bytes: int
    crc32: int


@dataclass(frozen=True, slots=True)
class WindowParts:
    """The files of the clips' streams."""

    rows: Part  # window_dtype [rows]: time and embedding of each window
    spans: Part  # SPAN_DTYPE [clips]: which rows a clip has
    until: int  # clip_ids from here on are not in them


@dataclass(frozen=True, slots=True)
class FastPart:
    """The stored index that finds candidates, and how it is to be searched."""

    part: Part  # a FAISS index over codes of the first `part.rows` embeddings
    kind: str
    learnt_from: int  # rows there were when its lists and codes were learnt
    effort: int  # lists to probe, or efSearch
    expected_recall: float  # recall@10, before it was built
    recall: float  # recall@10, measured at that effort
    texts: bool  # whether it was measured with the caller's sample of queries; else between stored vectors


@dataclass(frozen=True, slots=True)
class Description:
    """Content of `vectors.json`."""

    index_id: str
    commit: int
    embedding_size: int
    embeddings: Part  # float16 [rows, E], raw
    hits: Part  # HIT_DTYPE [rows]
    paths: Part  # JSON list
    fast: FastPart | None = None
    windows: WindowParts | None = None
    format_version: int = FORMAT_VERSION

    def parts(self) -> list[Part]:
        """All files that are named."""
        streams = (self.windows.rows, self.windows.spans) if self.windows else ()
        fast = (self.fast.part,) if self.fast else ()
        return [self.embeddings, self.hits, self.paths, *fast, *streams]


def read_description(folder: Path, *, index_id: str, embedding_size: int) -> Description:
    """Read `vectors.json` of the index in `folder`.

    Raises:
        DamagedVectorsError: there is none that fits this index.
    """
    path = folder / FOLDER / DESCRIPTION
    try:
        content = json.loads(path.read_bytes())
        if content["format_version"] != FORMAT_VERSION:
            raise DamagedVectorsError(f"{path} has another format")
        content.pop("graph", None)  # of older programs: a graph over full vectors
        for name in ("embeddings", "hits", "paths"):
            content[name] = Part(**content[name])
        content["fast"] = _fast_part(content.get("fast"))
        content["windows"] = _window_parts(content.get("windows"))
        description = Description(**content)
    except FileNotFoundError:
        raise DamagedVectorsError(f"{path} is missing") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DamagedVectorsError(f"{path} is damaged: {error}") from error
    if (description.index_id, description.embedding_size) != (index_id, embedding_size):
        raise DamagedVectorsError(f"{path} belongs to another index")
    return description


def write_description(folder: Path, description: Description) -> None:
    """Make `description` the present one, then delete the files that it does not name."""
    vectors = folder / FOLDER
    write_atomically(vectors / DESCRIPTION, json.dumps(asdict(description), indent=2).encode(), durable=False)
    for name in leftovers(folder, description):
        # On Windows a file that a reader has open stays until the next time.
        with contextlib.suppress(OSError):
            (vectors / name).unlink()


def leftovers(folder: Path, description: Description) -> list[str]:
    """Names of files in `vectors/` that `vectors.json` does not name."""
    named = {DESCRIPTION, *(part.file for part in description.parts())}
    return sorted(path.name for path in (folder / FOLDER).iterdir() if path.name not in named)


def have_sizes(folder: Path, description: Description) -> bool:
    """Whether the named files are there and long enough: a look at their names, not at their content."""
    try:
        return all((folder / FOLDER / part.file).stat().st_size >= part.bytes for part in description.parts())
    except OSError:
        return False


def load_embeddings(folder: Path, description: Description, *, check: bool = True) -> np.ndarray:
    """The stored embeddings, float16 [rows, E], mapped from disk.

    Args:
        check: read all of them and compare the checksum.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    part, size = description.embeddings, description.embedding_size
    if part.rows == 0:
        return np.zeros((0, size), np.float16)
    path = folder / FOLDER / part.file
    try:
        rows = np.memmap(path, dtype="<f2", mode="r", shape=(part.rows, size))
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} is missing or cut short: {error}") from error
    if check:
        _check(path, rows.data, part)
    return rows


def load_hits(folder: Path, description: Description) -> HitTable:
    """The stored table of hits.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    vectors = folder / FOLDER
    hits = read_part(folder, description.hits)
    paths = read_part(folder, description.paths)
    try:
        return HitTable(np.frombuffer(hits, HIT_DTYPE), json.loads(paths))
    except ValueError as error:
        raise DamagedVectorsError(f"the table of hits in {vectors} is damaged: {error}") from error


def read_part(folder: Path, part: Part) -> bytes:
    """All bytes of one file, checked.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    path = folder / FOLDER / part.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedVectorsError(f"cannot read {path}: {error}") from error
    _check(path, content, part)
    return content


def write_part(folder: Path, file: str, content: bytes, *, rows: int) -> Part:
    """Write a file of `vectors/`."""
    path = folder / FOLDER / file
    path.write_bytes(content)
    return Part(file, rows, len(content), zlib.crc32(content))


def part_of(folder: Path, file: str, *, rows: int) -> Part:
    """A file of `vectors/` that was written by other means.

    Raises:
        OSError: it cannot be read.
    """
    path = folder / FOLDER / file
    return Part(file, rows, path.stat().st_size, _checksum(path))


def check_part(folder: Path, part: Part) -> Path:
    """Compare the checksum of a file that may be too large to hold; returns where it is.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    path = folder / FOLDER / part.file
    try:
        checksum = _checksum(path)
    except OSError as error:
        raise DamagedVectorsError(f"cannot read {path}: {error}") from error
    if checksum != part.crc32:
        raise DamagedVectorsError(f"{path} is damaged: its checksum is wrong")
    return path


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while content := file.read(_PIECE):
            checksum = zlib.crc32(content, checksum)
    return checksum


def append_embeddings(folder: Path, before: Part, rows: np.ndarray) -> Part:
    """Add float16 [n, E] rows after those that `before` counts."""
    return append_rows(folder, before, np.ascontiguousarray(rows, "<f2"))


def append_rows(folder: Path, before: Part, rows: np.ndarray) -> Part:
    """Add rows of any type, contiguous in memory, after those that `before` counts."""
    path = folder / FOLDER / before.file
    content = rows.view(np.uint8).reshape(-1)
    with path.open("r+b" if before.bytes else "wb") as file:
        # A writer that died may have left rows that nobody counted.
        file.truncate(before.bytes)
        file.seek(before.bytes)
        file.write(content.data)
    checksum = zlib.crc32(content.data, before.crc32)
    return Part(before.file, before.rows + len(rows), before.bytes + content.nbytes, checksum)


def _fast_part(content: dict[str, Any] | None) -> FastPart | None:
    return content and FastPart(**{**content, "part": Part(**content["part"])})  # type: ignore[return-value]


def _window_parts(content: dict[str, Any] | None) -> WindowParts | None:
    if content is None:
        return None
    return WindowParts(Part(**content["rows"]), Part(**content["spans"]), content["until"])


def _check(path: Path, content: bytes | memoryview, part: Part) -> None:
    if zlib.crc32(content) != part.crc32:
        raise DamagedVectorsError(f"{path} is damaged: its checksum is wrong")
