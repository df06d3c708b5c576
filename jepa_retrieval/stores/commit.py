"""`commit.json`: which objects in a store are the files of an index. Replacing it is what makes a commit visible.

Other objects have random names and never change, so that writers cannot spoil each other's commits.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from typing import NamedTuple

from indexes.untrusted import Fields, parse_json

FILE_NAME = "commit.json"
FOLDER = "files"  # of the objects
MAX_BYTES = 64 * 2**20

_FORMAT = "jepa-stored-index"
_VERSION = 1
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._=-]{0,199}")  # of a file or folder of an index
_KEY = re.compile(rf"{FOLDER}/[0-9a-f]{{32}}")


class StoredFile(NamedTuple):
    """Where the content of a file is."""

    key: str  # name of the object
    size: int  # bytes


def new_key() -> str:
    """The name of a new object."""
    return f"{FOLDER}/{uuid.uuid4().hex}"


def commit_bytes(files: Mapping[str, StoredFile]) -> bytes:
    """A commit as it is stored."""
    return json.dumps({"format": _FORMAT, "version": _VERSION, "files": files}, indent=1).encode()


def parse_commit(content: bytes) -> dict[str, StoredFile]:
    """The files of a commit, by name.

    Raises:
        ValueError: it is damaged, of a newer version, or names what no index has.
    """
    if len(content) > MAX_BYTES:
        raise ValueError(f"it has more than {MAX_BYTES:,} bytes")
    fields = Fields(parse_json(content))
    if fields.value("format") != _FORMAT:
        raise ValueError("it is not the commit of an index")
    if fields.integer("version", low=1) > _VERSION:
        raise ValueError("it was written by a newer version of this program")
    stored = fields.value("files")
    if not isinstance(stored, dict):
        raise ValueError("files must be an object")
    files = {}
    for name, value in stored.items():
        if not all(map(_NAME.fullmatch, name.split("/"))) or not isinstance(value, list) or len(value) != 2:
            raise ValueError(f"it names {name!r:.100}, which is no file of an index")
        key, size = value
        if not isinstance(key, str) or not _KEY.fullmatch(key) or type(size) is not int or size < 0:
            raise ValueError(f"it does not say where {name!r:.100} is")
        files[name] = StoredFile(key, size)
    return files
