"""The derived files in `vectors/`: writing, reading, and noticing damage.

Embeddings are only ever appended to their file: a reader of an older `vectors.json` looks at fewer rows of it and
stays right. Nothing here is flushed to disk: damage by a power cut is noticed by the checksums, and the file is
rebuilt.
"""

from __future__ import annotations

import contextlib
import json
import zlib
from pathlib import Path

import numpy as np

from indexes.vectors.description import (
    DESCRIPTION,
    FOLDER,
    DamagedVectorsError,
    DerivedFile,
    Description,
    write_description,
)
from indexes.vectors.hits import HIT_DTYPE, HitTable

# Bytes of a large file that are read at once.
_BLOCK_BYTES = 4_194_304


def replace_description(folder: Path, description: Description) -> None:
    """Write `vectors.json`, then delete the files that it does not name."""
    write_description(folder, description)
    for name in unnamed_files(folder, description):
        # On Windows a file that a reader has open stays until the next time.
        with contextlib.suppress(OSError):
            (folder / FOLDER / name).unlink()


def unnamed_files(folder: Path, description: Description) -> list[str]:
    """Names of files in `vectors/` that `vectors.json` does not name."""
    named = {DESCRIPTION, *(derived.file for derived in description.all_files())}
    return sorted(path.name for path in (folder / FOLDER).iterdir() if path.name not in named)


def have_sizes(folder: Path, description: Description) -> bool:
    """Whether the named files exist and are long enough; their content is not read."""
    vectors = folder / FOLDER
    try:
        return all(
            (vectors / stored.file).stat().st_size >= stored.bytes for stored in description.all_files()
        )
    except OSError:
        return False


def load_embeddings(folder: Path, description: Description, *, check: bool = True) -> np.ndarray:
    """The stored embeddings, float16 [rows, E], mapped from disk.

    Args:
        check: read all of them and compare the checksum.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    stored, size = description.embeddings, description.embedding_size
    if stored.rows == 0:
        return np.zeros((0, size), np.float16)
    path = folder / FOLDER / stored.file
    try:
        rows = np.memmap(path, dtype="<f2", mode="r", shape=(stored.rows, size))
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} is missing or cut short: {error}") from error
    if check:
        _compare_checksum(path, rows.data, stored)
    return rows


def load_hits(folder: Path, description: Description) -> HitTable:
    """The stored table of hits.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    hits = read_file(folder, description.hits)
    paths = read_file(folder, description.paths)
    try:
        return HitTable(np.frombuffer(hits, HIT_DTYPE), json.loads(paths))
    except ValueError as error:
        raise DamagedVectorsError(f"the table of hits in {folder / FOLDER} is damaged: {error}") from error


def read_file(folder: Path, stored: DerivedFile) -> bytes:
    """All bytes of one file, checked.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    path = folder / FOLDER / stored.file
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DamagedVectorsError(f"cannot read {path}: {error}") from error
    _compare_checksum(path, content, stored)
    return content


def check_file(folder: Path, stored: DerivedFile) -> Path:
    """Compare the checksum of a file that may be too large for memory; returns its path.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    path = folder / FOLDER / stored.file
    try:
        checksum = _checksum(path)
    except OSError as error:
        raise DamagedVectorsError(f"cannot read {path}: {error}") from error
    if checksum != stored.crc32:
        raise DamagedVectorsError(f"{path} is damaged: its checksum is wrong")
    return path


def write_file(folder: Path, file: str, content: bytes, *, rows: int) -> DerivedFile:
    """Write a file of `vectors/`."""
    (folder / FOLDER / file).write_bytes(content)
    return DerivedFile(file, rows, len(content), zlib.crc32(content))


def describe_file(folder: Path, file: str, *, rows: int) -> DerivedFile:
    """The size and checksum of a file that a library wrote into `vectors/`.

    Raises:
        OSError: it cannot be read.
    """
    path = folder / FOLDER / file
    return DerivedFile(file, rows, path.stat().st_size, _checksum(path))


def append_embeddings(folder: Path, before: DerivedFile, rows: np.ndarray) -> DerivedFile:
    """Add float16 [n, E] rows after those that `before` counts."""
    return append_rows(folder, before, np.ascontiguousarray(rows, "<f2"))


def append_rows(folder: Path, before: DerivedFile, rows: np.ndarray) -> DerivedFile:
    """Add rows of any type, contiguous in memory, after those that `before` counts."""
    path = folder / FOLDER / before.file
    content = rows.view(np.uint8).reshape(-1)
    with path.open("r+b" if before.bytes else "wb") as file:
        # A writer that died may have left rows that are not counted.
        file.truncate(before.bytes)
        file.seek(before.bytes)
        file.write(content.data)
    checksum = zlib.crc32(content.data, before.crc32)
    return DerivedFile(before.file, before.rows + len(rows), before.bytes + content.nbytes, checksum)


def _checksum(path: Path) -> int:
    checksum = 0
    with path.open("rb") as file:
        while content := file.read(_BLOCK_BYTES):
            checksum = zlib.crc32(content, checksum)
    return checksum


def _compare_checksum(path: Path, content: bytes | memoryview, stored: DerivedFile) -> None:
    if zlib.crc32(content) != stored.crc32:
        raise DamagedVectorsError(f"{path} is damaged: its checksum is wrong")
