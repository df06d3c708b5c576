"""Reading annotation files and finding media: what adapters share."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.suffixes import IMAGE_SUFFIXES, VIDEO_SUFFIXES


class DataSetError(UsageError):
    """A file of a data set is missing or not as published; the message says where it comes from."""


DEPTH = 3  # folders below the one that is named, in which annotation files are looked for


def find_file(folder: Path, *names: str) -> Path | None:
    """The first of `names` in `folder`, in its folder `annotations`, or else a little further down; None without any.

    Archives are published and unpacked in folders of their own, such as `labels` or `captions`.
    """
    for pattern in ("", "annotations/", *("*/" * depth for depth in range(1, DEPTH + 1))):
        for name in names:
            found = min(folder.glob(f"{pattern}{name}"), default=None)
            if found is not None:
                return found
    return None


def require(folder: Path, *names: str, source: str) -> Path:
    """What `find_file` finds; DataSetError that names the file and where it comes from if that is nothing."""
    found = find_file(folder, *names)
    if found is None:
        raise DataSetError(f"{folder / names[0]}: no such file or folder; it comes from {source}")
    return found


def _open(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataSetError(f"{path}: cannot be read ({error})") from error


def read_json(path: Path) -> Any:
    """A JSON document."""
    try:
        return json.loads(_open(path))
    except json.JSONDecodeError as error:
        raise DataSetError(f"{path}: not valid JSON ({error})") from error


def read_json_lines(path: Path) -> list[dict[str, Any]]:
    """One JSON object a line, or one JSON array of objects: both are published under the same ending."""
    text = _open(path)
    try:
        if text.lstrip().startswith("["):
            rows = json.loads(text)
        else:
            rows = [json.loads(line) for line in text.splitlines() if line.strip()]
    except json.JSONDecodeError as error:
        raise DataSetError(f"{path}: not valid JSON ({error})") from error
    return [dict(row) for row in rows]


def read_lines(path: Path) -> list[str]:
    """Lines that are not empty, without white space at their ends."""
    return [line.strip() for line in _open(path).splitlines() if line.strip()]


def read_table(path: Path, columns: tuple[str, ...], *, separators: str = ",") -> list[dict[str, str]]:
    """Rows of a table with a heading, by column; the separator is the one that the heading uses.

    Raises:
        DataSetError: a column is missing.
    """
    lines = _open(path).splitlines()
    heading = lines[0] if lines else ""
    separator = max(separators, key=heading.count)
    rows = csv.DictReader(lines, delimiter=separator)
    missing = set(columns) - set(rows.fieldnames or ())
    if missing:
        raise DataSetError(f"{path}: has no column {sorted(missing)[0]!r}; its heading is {heading!r}")
    return list(rows)


class MediaFolder:
    """Finds the media that annotations name: by their path, else by their stem anywhere below.

    Copies are often re-encoded, so that the ending differs. A stem that several files share finds none of them.
    """

    def __init__(self, folder: Path, *, source: str) -> None:
        if not folder.is_dir():
            raise DataSetError(f"{folder}: no such folder; the data come from {source}")
        self.folder = folder
        self.source = source
        self._by_stem: dict[str, Path | None] = {}
        for path in media_files(folder):
            for key in {path.stem, path.name}:
                self._by_stem[key] = None if key in self._by_stem else path

    def find(self, *names: str) -> Path | None:
        """The file for the first of `names` that there is."""
        for name in names:
            exact = self.folder / name
            if exact.is_file():
                return exact
            last = name.rsplit("/", 1)[-1]
            stem = last.rsplit(".", 1)[0] if Path(last).suffix.lower() in _SUFFIXES else last
            found = self._by_stem.get(last) or self._by_stem.get(stem)
            if found is not None:
                return found
        return None

    def missing(self, what: str, example: str) -> DataSetError:
        """The error for a set of which not one file was found."""
        return DataSetError(
            f"{self.folder}: none of the {what} is here, such as {example}; they come from {self.source}"
        )


_SUFFIXES = VIDEO_SUFFIXES | IMAGE_SUFFIXES


def media_files(folder: Path) -> Iterator[Path]:
    """Pictures and videos anywhere below a folder, by name."""
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            if Path(name).suffix.lower() in _SUFFIXES:
                yield Path(place) / name


def words(name: str) -> str:
    """A class name as words: `BlowDryHair` and `blow_dry_hair` are `blow dry hair`."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)
    return " ".join(re.sub(r"[_\s]+", " ", spaced).split()).lower()


def clock(text: str) -> float:
    """Seconds of `00:01:02.45`."""
    seconds = 0.0
    for part in text.split(":"):
        seconds = seconds * 60 + float(part)
    return seconds
