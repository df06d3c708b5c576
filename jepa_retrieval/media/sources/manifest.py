"""Manifests: JSON Lines that name files, by path or by address."""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from indexes.untrusted import parse_json
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.suffixes import AUDIO_SUFFIXES, MEDIA_SUFFIXES
from jepa_retrieval.source_paths import is_remote, is_url, path_of
from jepa_retrieval.user_paths import exists, user_path

SUFFIXES = (".jsonl", ".ndjson")
FIELDS = (
    "url",
    "path",
    "file",
    "video",
    "image",
    "video_url",
    "image_url",
    "videoLoc",
)  # the first that a line has
MAX_LINE_BYTES = 2**20
_LOOKED_AT = 100  # lines, to see whether a file is a manifest
_NAMES_OF_MEDIA = MEDIA_SUFFIXES | AUDIO_SUFFIXES


def entries(file: BinaryIO, folder: Path) -> Iterator[tuple[int, Path | str]]:
    """The number of each line that is not empty, and its path, or a sentence why it has none.

    Args:
        file: the manifest, open.
        folder: what relative paths in it are relative to.
    """
    for number in itertools.count(1):
        line = file.readline(MAX_LINE_BYTES + 1)
        if not line:
            return
        if len(line) > MAX_LINE_BYTES:
            while line and not line.endswith(b"\n"):
                line = file.readline(MAX_LINE_BYTES)
            yield number, f"is longer than {MAX_LINE_BYTES:,} bytes"
        elif line.strip():
            try:
                yield number, _path(line, folder)
            except (UsageError, ValueError) as error:
                yield number, str(error)


def lists_media(path: Path) -> bool:
    """Whether a file on disk is a manifest: it names files that are there, or have names of media.

    A table of clips that `jepa export` wrote names files too, but is no list that somebody made.

    Raises:
        OSError: it cannot be read.
    """
    if path.suffix not in SUFFIXES:
        return False
    with path.open("rb") as file:
        if _is_table_of_clips(file.readline(MAX_LINE_BYTES)):
            return False
        file.seek(0)
        first = [entry for _, entry in itertools.islice(entries(file, path.parent), _LOOKED_AT)]
    return any(
        isinstance(entry, Path) and (entry.suffix.lower() in _NAMES_OF_MEDIA or exists(entry))
        for entry in first
    )


def _is_table_of_clips(line: bytes) -> bool:
    """Whether a line is a row of such a table: it has all of its columns, and no other that somebody added."""
    from indexes.schema import EXPORTED_COLUMNS

    try:
        value = parse_json(line)
    except ValueError:
        return False
    return isinstance(value, dict) and value.keys() == set(EXPORTED_COLUMNS)


def _path(line: bytes, folder: Path) -> Path:
    try:
        value = parse_json(line)
    except ValueError as error:
        raise ValueError("is not JSON") from error
    if isinstance(value, dict):
        value = next((value[name] for name in FIELDS if isinstance(value.get(name), str)), None)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"names no file: it needs one of {', '.join(FIELDS)}")
    try:
        os.fsencode(value)
    except UnicodeEncodeError:
        raise ValueError("is not valid Unicode") from None
    if is_url(value):
        return path_of(value)
    if "://" in value:
        raise ValueError(f"{value.partition('://')[0]}:// cannot be read")
    if is_remote(folder):
        return folder / value
    try:
        return user_path(folder / value)  # for its check of the length
    except UsageError as error:
        raise ValueError("names a file whose name is too long") from error
