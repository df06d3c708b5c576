r"""A text form of file names that keeps every byte.

Names on Linux are bytes and need not be UTF-8; tables, JSON and terminals want text. A byte that is not UTF-8
becomes `\xNN` (two lower-case hexadecimal digits). A name that already holds such a sequence has its backslash
written as `\x5c`, so two names never share a text.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

from jepa_retrieval.errors import UsageError

_ESCAPE = re.compile(rb"\\x([0-9a-f]{2})")
_LITERAL_ESCAPE = re.compile(r"\\(?=x[0-9a-f]{2})")


def encode_path(path: str | bytes | os.PathLike[str] | os.PathLike[bytes]) -> str:
    """Return the text form of `path`: valid Unicode, different for different paths.

    Raises:
        UsageError: a string that no file can have as its name (a lone surrogate).
    """
    try:
        text = os.fsdecode(path)
        if text.isascii():
            return _LITERAL_ESCAPE.sub(r"\\x5c", text) if "\\x" in text else text
        raw = os.fsencode(text)
    except UnicodeError as error:
        raise UsageError(f"no file can have the name {path!r}") from error
    if b"\\x" in raw:
        raw = re.sub(rb"\\(?=x[0-9a-f]{2})", rb"\\x5c", raw)
    return raw.decode("utf-8", errors="backslashreplace")


def decode_path(text: str) -> Path:
    """Return the path that `encode_path` wrote as `text`."""
    if "\\x" not in text:
        return Path(text)
    return Path(os.fsdecode(decode_bytes(text)))


def decode_bytes(text: str) -> bytes:
    """Return the file name that `encode_path` wrote as `text`, as bytes."""
    return _ESCAPE.sub(lambda match: bytes([int(match[1], 16)]), os.fsencode(text))
