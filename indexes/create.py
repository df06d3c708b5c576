"""Making the files of a new index."""

from __future__ import annotations

import dataclasses
import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import metadata
from pathlib import Path

from indexes.errors import IndexWriteError
from indexes.files import check_writable, sync_new_files
from indexes.lock import LOCK_NAME, NOTE_NAME, WriterLock
from indexes.manifest import FILE_NAME, Commit, Manifest, write_manifest
from indexes.reasons import reason
from indexes.schema import MEDIA_SCHEMA, clip_schema
from indexes.tables import CLIPS, MEDIA, create_table, open_clips
from indexes.untrusted import check_no_links
from indexes.vectors import build
from indexes.vectors.description import FOLDER as VECTORS

_OWN_NAMES = {MEDIA, CLIPS, VECTORS, LOCK_NAME, NOTE_NAME}


def create_files(folder: Path, manifest: Manifest) -> None:
    """Write empty tables and, last, the manifest: before it is there, the folder is not an index.

    Raises:
        IndexWriteError: the folder holds something else, or cannot be written.
    """
    with _making(folder):
        folder.mkdir(parents=True, exist_ok=True)
        check_no_links(folder)
        lock = WriterLock(folder)
        try:
            _refuse_content(folder)
            for table in (MEDIA, CLIPS):
                shutil.rmtree(folder / table, ignore_errors=True)
            commit = Commit(
                media_version=create_table(folder / MEDIA, MEDIA_SCHEMA),
                clips_version=create_table(folder / CLIPS, clip_schema(manifest.embedding_size)),
            )
            for table in (MEDIA, CLIPS):
                sync_new_files(folder / table, set())
            manifest = dataclasses.replace(manifest, commit=commit)
            write_manifest(folder, manifest)
            build.update(folder, manifest, open_clips(folder, manifest))
        finally:
            lock.release()


def check_new_folder(folder: Path) -> None:
    """Refuse what `create_files` would refuse, as far as that shows without writing.

    Raises:
        IndexWriteError: as there.
    """
    with _making(folder):
        existing = next(path for path in (folder, *folder.parents) if os.path.lexists(path))
        if not existing.is_dir():
            number = errno.EEXIST if existing == folder else errno.ENOTDIR
            raise OSError(number, os.strerror(number))
        if existing == folder:
            check_no_links(folder)
        check_writable(existing)
        if existing == folder:
            _refuse_content(folder)


@contextmanager
def _making(folder: Path) -> Iterator[None]:
    try:
        yield
    except (OSError, ValueError) as error:
        raise IndexWriteError(f"cannot make an index at {folder}: {reason(error)}") from error


def created_with() -> str:
    """Name and version of this program, for the manifest."""
    try:
        return f"jepa-retrieval {metadata.version('jepa-retrieval')}"
    except metadata.PackageNotFoundError:
        return "jepa-retrieval"


def _refuse_content(folder: Path) -> None:
    if (folder / FILE_NAME).exists():
        raise IndexWriteError(f"{folder} already holds an index")
    # Leftovers of an interrupted creation may be overwritten; other files may not.
    others = sorted(
        path.name for path in folder.iterdir() if path.name not in _OWN_NAMES and path.suffix != ".tmp"
    )
    if others:
        raise IndexWriteError(
            f"{folder} is not empty (it holds {others[0]}): choose a new folder for the index"
        )
