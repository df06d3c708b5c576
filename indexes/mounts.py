"""`mounts.json`: folders of media that were mount points when they were indexed, so that a missing disk is told.

The list only helps to tell a disk that is not there from files that were deleted. An index without it is valid.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterable, Sequence
from itertools import accumulate
from pathlib import Path

from indexes.errors import IndexWriteError
from indexes.files import write_atomically
from indexes.manifest import MAX_PATH_CHARS, Manifest
from indexes.reasons import reason
from indexes.untrusted import Fields, parse_json, read_bytes

logger = logging.getLogger(__name__)

FILE_NAME = "mounts.json"
FORMAT = "jepa-mounts"
FORMAT_VERSION = 1
MAX_BYTES = 1024 * 1024
MAX_MOUNTS = 10_000
_MAX_HEAD_BYTES = 2048  # of what stands beside the paths


def read_mounts(folder: Path, manifest: Manifest) -> tuple[str, ...]:
    """The mount points of the index in `folder`, as paths are stored; none if the list is missing or damaged."""
    path = folder / FILE_NAME
    try:
        content = parse_json(read_bytes(path, max_bytes=MAX_BYTES))
        if not isinstance(content, dict):
            raise ValueError("it is not a JSON object")
        fields = Fields(content)
        if fields.text("format") != FORMAT or fields.integer("format_version") != FORMAT_VERSION:
            raise ValueError("it has another format")
        if fields.text("index_id", max_chars=200) != manifest.index_id:
            raise ValueError("it belongs to another index")
        paths = content.get("paths")
        if not isinstance(paths, list) or not all(_is_path(path) for path in paths):
            raise ValueError("paths must be a list of paths")
        return tuple(paths)
    except FileNotFoundError:
        return ()
    except (OSError, ValueError) as error:
        logger.warning("%s is ignored: %s; the next `jepa index` replaces it", path, reason(error))
        return ()


def write_mounts(folder: Path, manifest: Manifest, mounts: Iterable[str]) -> None:
    """Replace the list of the index in `folder`. Only for the one who writes the index.

    A list of more than MAX_MOUNTS paths, or MAX_BYTES, is cut, with a warning.

    Raises:
        IndexWriteError: the folder cannot be written.
    """
    wanted = sorted(set(mounts))
    paths = wanted[: _fitting(wanted)]
    if len(paths) < len(wanted):
        logger.warning("%s holds only %d of %d mount points", folder / FILE_NAME, len(paths), len(wanted))
    if paths == list(read_mounts(folder, manifest)):
        return
    content = {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "index_id": manifest.index_id,
        "paths": paths,
    }
    try:
        # ASCII, so that paths that are not valid Unicode survive.
        write_atomically(folder / FILE_NAME, json.dumps(content).encode())
    except OSError as error:
        raise IndexWriteError(f"cannot write to {folder}: {reason(error)}") from error


def _fitting(paths: Sequence[str]) -> int:
    """How many of the paths the list may hold."""
    sizes = accumulate(len(json.dumps(path)) + len(", ") for path in paths[:MAX_MOUNTS])
    return sum(size <= MAX_BYTES - _MAX_HEAD_BYTES for size in sizes)


def _is_path(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= MAX_PATH_CHARS and "\0" not in value
