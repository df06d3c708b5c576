"""What it means that a write failed: the index is damaged, or its folder cannot be written."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from indexes.errors import DamagedIndexError, IndexFormatError, IndexWriteError
from indexes.manifest import read_manifest
from indexes.reasons import is_file_failure, is_refused_by_system, reason
from indexes.tables import CLIPS, MEDIA, open_clips, open_media, read_all


@contextmanager
def explained(folder: Path, what: str) -> Iterator[None]:
    """Raise failures of a write to the index in a folder as errors of one sentence.

    Args:
        folder: of the index.
        what: cannot be done, such as "commit".

    Raises:
        IndexFormatError: a table is damaged; it says to run `jepa verify`, which names the remedy.
        IndexWriteError: the system refuses, or something else failed.
    """
    try:
        yield
    except DamagedIndexError:
        raise
    except BaseException as error:
        if isinstance(error, IndexFormatError):
            raise DamagedIndexError(folder, reason(error)) from error
        if not is_file_failure(error):
            raise
        hint = ""
        if not is_refused_by_system(error):
            # Lance fails in many ways on rows that it cannot read.
            if (found := damage_of(folder)) is not None:
                raise DamagedIndexError(folder, reason(found)) from error
            hint = "; `jepa verify` says whether the index is damaged"
        raise IndexWriteError(f"cannot {what} in {folder}: {reason(error)}{hint}") from error


def damage_of(folder: Path) -> IndexFormatError | None:
    """What is wrong with the tables of an index, all rows of which are read; None if nothing is."""
    try:
        manifest = read_manifest(folder)
        read_all(open_media(folder, manifest), folder / MEDIA)
        read_all(open_clips(folder, manifest), folder / CLIPS)
    except IndexFormatError as error:
        return error
    return None
