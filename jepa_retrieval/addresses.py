"""Addresses of files that do not lie in a folder, and the paths that stand for them: see `source_paths`."""

from __future__ import annotations

import re
from pathlib import Path

SCHEMES = ("s3", "gs", "az", "hf", "https", "http")

_URL = re.compile(rf"({'|'.join(SCHEMES)})://(.*)", re.DOTALL)
_PATH = re.compile(rf"//({'|'.join(SCHEMES)})/(.*)", re.DOTALL)


def parts_of_url(text: str) -> tuple[str, str] | None:
    """Scheme and rest of an address; None of any other text."""
    found = _URL.match(text)
    return None if found is None else (found[1], found[2])


def is_url(text: str) -> bool:
    """Whether a text is the address of a file or folder elsewhere."""
    return _URL.match(text) is not None


def is_remote(path: Path | str) -> bool:
    """Whether a path is that of a file or folder elsewhere."""
    return _PATH.match(str(path)) is not None


def url_of(path: Path | str) -> str:
    """The address that a path stands for; the path itself if it is none of these."""
    found = _PATH.match(str(path))
    return f"{found[1]}://{found[2]}" if found else str(path)
