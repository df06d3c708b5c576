"""The derived files in `vectors/`: writing, reading, and noticing damage.

Embeddings are only ever appended to their file: a reader of an older `vectors.json` looks at fewer rows of it and
stays right. Nothing here is flushed to disk: damage by a power cut is noticed by the checksums, and the file is
rebuilt.
"""

from __future__ import annotations

import contextlib
import zlib
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from indexes.reasons import reason
from indexes.untrusted import open_for_update, open_regular, parse_json, read_bytes
from indexes.vectors.description import (
    DESCRIPTION,
    FOLDER,
    OF_PASSAGES,
    DamagedVectorsError,
    DerivedFile,
    Description,
    write_description,
)
from indexes.vectors.hits import HIT_DTYPE, HitTable, check_hits

# Bytes of a large file that are read at once.
_BLOCK_BYTES = 4_194_304


def replace_description(folder: Path, description: Description) -> None:
    """Write `vectors.json`, then delete the files that it does not name."""
    write_description(folder, description)
    for name in unnamed_files(folder, description):
        delete_quietly(folder / FOLDER / name)


def delete_quietly(path: Path) -> None:
    """Delete a file that is not needed; on Windows one that a reader has open stays until the next time."""
    with contextlib.suppress(OSError):
        path.unlink()


@contextlib.contextmanager
def discard_on_failure(folder: Path) -> Iterator[None]:
    """Delete the files that the block made in `vectors/` if it fails, so that a full disk does not stay full."""
    before = {path.name for path in (folder / FOLDER).iterdir()}
    try:
        yield
    except BaseException:
        for path in (folder / FOLDER).iterdir():
            if path.name not in before:
                delete_quietly(path)
        raise


def unnamed_files(folder: Path, description: Description) -> list[str]:
    """Names of files in `vectors/` that `vectors.json` does not name, nor `passages.json` by their kind."""
    named = {DESCRIPTION, *(derived.file for derived in description.all_files())}
    found = sorted(path.name for path in (folder / FOLDER).iterdir())
    return [name for name in found if name not in named and not name.startswith(OF_PASSAGES)]


def have_sizes(folder: Path, description: Description) -> bool:
    """Whether the named files exist and are long enough; their content is not read."""
    vectors = folder / FOLDER
    try:
        return all(
            (vectors / stored.file).lstat().st_size >= stored.bytes for stored in description.all_files()
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
    stored = description.embeddings
    rows = map_rows(folder, stored, np.dtype(("<f2", description.embedding_size)))
    if check:
        _compare_checksum(folder / FOLDER / stored.file, rows.data, stored)
    return rows


def map_rows(folder: Path, stored: DerivedFile, row: np.dtype) -> np.ndarray:
    """The rows of one file that only grows, mapped from disk, [rows] of dtype `row`.

    Raises:
        DamagedVectorsError: the file is missing or cut short.
    """
    if stored.rows == 0:
        return np.zeros(0, row)
    path = folder / FOLDER / stored.file
    try:
        with open_regular(path) as file:
            return np.memmap(file, dtype=row, mode="r", shape=(stored.rows,))
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"{path} is missing or cut short: {reason(error)}") from error


def load_hits(folder: Path, description: Description) -> HitTable:
    """The stored table of hits.

    Raises:
        DamagedVectorsError: a file is missing or damaged.
    """
    hits = np.frombuffer(read_file(folder, description.hits), HIT_DTYPE)
    content = read_file(folder, description.paths)
    try:
        paths = parse_json(content)
        check_hits(hits, paths, rows=description.embeddings.rows)
        return HitTable(hits, paths)
    except ValueError as error:
        raise DamagedVectorsError(f"the table of hits in {folder / FOLDER} is damaged: {error}") from error


def read_file(folder: Path, stored: DerivedFile) -> bytes:
    """All bytes of one file, checked.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    path = folder / FOLDER / stored.file
    try:
        content = read_bytes(path, max_bytes=stored.bytes)
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"cannot read {path}: {reason(error)}") from error
    if len(content) != stored.bytes:
        raise DamagedVectorsError(f"{path} is cut short")
    _compare_checksum(path, content, stored)
    return content


def check_file(folder: Path, stored: DerivedFile) -> Path:
    """Compare the checksum of a file that may be too large for memory; returns its path.

    Raises:
        DamagedVectorsError: the file is missing or damaged.
    """
    path = folder / FOLDER / stored.file
    try:
        checksum = _checksum(path, max_bytes=stored.bytes)
    except (OSError, ValueError) as error:
        raise DamagedVectorsError(f"cannot read {path}: {reason(error)}") from error
    if checksum != stored.crc32:
        raise DamagedVectorsError(f"{path} is damaged: its checksum is wrong")
    return path


def write_file(folder: Path, file: str, content: bytes, *, rows: int) -> DerivedFile:
    """Write a new file of `vectors/`."""
    with (folder / FOLDER / file).open("xb") as opened:
        opened.write(content)
    return DerivedFile(file, rows, len(content), zlib.crc32(content))


def describe_file(folder: Path, file: str, *, rows: int) -> DerivedFile:
    """The size and checksum of a file that a library wrote into `vectors/`.

    Raises:
        OSError: it cannot be read.
    """
    path = folder / FOLDER / file
    size = path.stat().st_size
    return DerivedFile(file, rows, size, _checksum(path, max_bytes=size))


def append_embeddings(folder: Path, before: DerivedFile, rows: np.ndarray) -> DerivedFile:
    """Add float16 [n, E] rows after those that `before` counts."""
    return append_rows(folder, before, np.ascontiguousarray(rows, "<f2"))


def append_rows(folder: Path, before: DerivedFile, rows: np.ndarray) -> DerivedFile:
    """Add rows of any type, contiguous in memory, after those that `before` counts."""
    path = folder / FOLDER / before.file
    content = rows.view(np.uint8).reshape(-1)
    with open_for_update(path) as file:
        # A writer that died may have left rows that are not counted.
        file.truncate(before.bytes)
        file.seek(before.bytes)
        try:
            file.write(content.data)
            file.flush()
        except BaseException:
            with contextlib.suppress(OSError):
                file.truncate(before.bytes)
            raise
    checksum = zlib.crc32(content.data, before.crc32)
    return DerivedFile(before.file, before.rows + len(rows), before.bytes + content.nbytes, checksum)


def _checksum(path: Path, *, max_bytes: int) -> int:
    """Of the first `max_bytes`: a file of embeddings may have grown since."""
    checksum = 0
    with open_regular(path) as file:
        while content := file.read(min(_BLOCK_BYTES, max_bytes)):
            checksum = zlib.crc32(content, checksum)
            max_bytes -= len(content)
    return checksum


def _compare_checksum(path: Path, content: bytes | memoryview, stored: DerivedFile) -> None:
    if zlib.crc32(content) != stored.crc32:
        raise DamagedVectorsError(f"{path} is damaged: its checksum is wrong")
