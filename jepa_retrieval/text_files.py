"""Lists of texts in files, one a line: labels, answers. Imports nothing heavy."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.errors import UsageError


def read_lines(path: Path) -> list[str]:
    """The lines of a text file (UTF-8), trimmed, without blank ones, each once, in their order.

    Raises:
        UsageError: the file cannot be read, or holds no text.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not a text file in UTF-8 ({error.reason})") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    lines = list(dict.fromkeys(stripped for line in text.splitlines() if (stripped := line.strip())))
    if not lines:
        raise UsageError(f"{path}: holds no text")
    return lines
