"""Manifests: JSON Lines that name files, by path or by address."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import is_url, path_of

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


def entries(file: BinaryIO, folder: Path) -> Iterator[tuple[int, Path | str]]:
    """The number of each line that is not empty, and its path, or a sentence why it has none.

    Args:
        file: the manifest, open.
        folder: what relative paths in it are relative to.
    """
    for number, line in enumerate(iter(lambda: file.readline(MAX_LINE_BYTES), b""), start=1):
        if line.strip():
            try:
                yield number, _path(line, folder)
            except (UsageError, ValueError) as error:
                yield number, str(error)


def _path(line: bytes, folder: Path) -> Path:
    try:
        value = json.loads(line)
    except ValueError as error:
        raise ValueError("is not JSON") from error
    if isinstance(value, dict):
        value = next((value[name] for name in FIELDS if isinstance(value.get(name), str)), None)
    if not isinstance(value, str) or not value or "\0" in value:
        raise ValueError(f"names no file: it needs one of {', '.join(FIELDS)}")
    if is_url(value):
        return path_of(value)
    if "://" in value:
        raise ValueError(f"{value.partition('://')[0]}:// cannot be read")
    return folder / value
