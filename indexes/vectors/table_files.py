"""The files of the table of clips, as noted beside the vectors.

A search by vector opens no table: by this list it notices that one is gone or cut short, without Lance, which takes
longer to import than the search.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from indexes.tables import CLIPS, DATA_FOLDERS
from indexes.untrusted import Fields, check_plain_name

if TYPE_CHECKING:
    import lance


@dataclass(frozen=True, slots=True)
class TableFiles:
    """The files of one version of the table."""

    version: int
    bytes: dict[str, int]  # of each file, by its path in the table's folder


def describe_table(folder: Path, clips: lance.LanceDataset) -> TableFiles:
    """The files of the table in the index folder, opened as `clips`.

    Raises:
        OSError: one is gone.
    """
    names = []
    for fragment in clips.get_fragments():
        names += [f"{DATA_FOLDERS[0]}/{file.path}" for file in fragment.metadata.files]
        deleted = fragment.deletion_file()
        names += [] if deleted is None else [deleted]
    return TableFiles(clips.version, {name: (folder / CLIPS / name).stat().st_size for name in names})


def problem_of_table(folder: Path, files: TableFiles) -> str | None:
    """Which of the files is gone or has another size; None if all are as they were. Nothing is read."""
    for name, size in files.bytes.items():
        path = folder / CLIPS / name
        try:
            found = path.stat().st_size
        except OSError:
            return f"{path} is missing"
        if found != size:
            return f"{path} has {found:,} bytes, not {size:,}"
    return None


def parse_table(fields: Fields) -> TableFiles:
    """What a description says of the files; ValueError if that is not valid."""
    listed = fields.fields("files")
    names = list(listed)
    for name in names:
        place, _, file = name.partition("/")
        if place not in DATA_FOLDERS:
            raise ValueError(f"{name!r} is no file of a table")
        check_plain_name(file)
    return TableFiles(fields.integer("version"), {name: listed.integer(name) for name in names})
