"""Text from elsewhere, such as names of files, so that it can do no harm where it is shown."""

from __future__ import annotations

import os
import re
from pathlib import Path

# Characters that could move the cursor, start an escape sequence, end the line, change the direction of the text, or
# that cannot be seen. Joiners (U+200C, U+200D) are left alone: Persian and emoji need them.
INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff]"
)
_BYTES = re.compile("([\udc80-\udcff]+)")  # what Python makes of bytes that are not UTF-8
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def visible(text: str) -> str:
    r"""`text` on one line, with control characters, direction overrides and lone surrogates escaped (`\x1b`)."""
    return INVISIBLE.sub(_escape, text)


def visible_path(path: Path) -> bytes:
    """A path as the bytes of its name, with control characters escaped as by `visible`."""
    return b"".join(
        os.fsencode(part) if _BYTES.fullmatch(part) else visible(part).encode()
        for part in _BYTES.split(str(path))
    )


def _escape(match: re.Match[str]) -> str:
    character = match.group()
    if character in _SHORT_ESCAPES:
        return _SHORT_ESCAPES[character]
    return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"
