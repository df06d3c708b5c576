"""Where output goes: results on standard output, notes, progress and errors on standard error."""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from rich.console import Console


@dataclass
class Settings:
    """The options that hold for every command."""

    quiet: bool = False  # no notes, no progress; results and errors remain
    progress: bool = True
    debug: bool = False  # tracebacks instead of one-sentence errors, and log messages


settings = Settings()

# Characters that could move the cursor, start an escape sequence, end the line or turn the text around.
_UNPRINTABLE = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
_SHORT_ESCAPES = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}


def printable(text: str) -> str:
    """`text` on one line, with control characters as visible escapes: safe to print whatever a file is called."""

    def escape(match: re.Match[str]) -> str:
        character = match.group()
        if character in _SHORT_ESCAPES:
            return _SHORT_ESCAPES[character]
        return f"\\x{ord(character):02x}" if ord(character) < 0x100 else f"\\u{ord(character):04x}"

    return _UNPRINTABLE.sub(escape, text)


class ReaderGoneError(Exception):
    """Whoever read standard output has stopped, as `head` does; no OSError, which typer would take for its own."""


def result(text: str = "") -> None:
    """One line of result."""
    try:
        sys.stdout.write(text + "\n")
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def result_bytes(data: bytes) -> None:
    """Results as they are, for programs."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def flush_results() -> None:
    """Send on what has been printed."""
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def results(lines: Iterable[str]) -> None:
    """Lines of result."""
    for line in lines:
        result(line)


def json_text(document: Any, *, one_line: bool = False) -> str:
    """A JSON document as text that a terminal can show and a line-oriented reader can split."""
    text = json.dumps(document, ensure_ascii=False, indent=None if one_line else 2, allow_nan=False)
    # What json leaves as it is although a terminal may obey it, or a reader break lines at it.
    return re.sub("[\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", text)


def result_json(document: Any, *, one_line: bool = False) -> None:
    """One JSON document; on one line where a command prints several."""
    result(json_text(document, one_line=one_line))
    flush_results()


def note(text: str) -> None:
    """A remark for people, on standard error; nothing under --quiet."""
    if not settings.quiet:
        _tell(text)


def warning(text: str) -> None:
    """Something that went wrong but did not stop the command."""
    _tell(f"Warning: {text}")


def error(text: str) -> None:
    """Why the command stopped: one sentence."""
    _tell(f"Error: {printable(text)}")


def _tell(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal that can do more than print lines."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def styled(*, stderr: bool = False) -> Console:
    """A rich console for tables and bars; without any escape for styles where $NO_COLOR is set."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR"))
    return Console(stderr=stderr, highlight=False, color_system=None if plain else "auto")


def show_progress() -> bool:
    """Whether progress is wanted at all, on a terminal or in a log."""
    return settings.progress and not settings.quiet


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`3 files`, `1 file`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def bytes_text(size: float) -> str:
    """A size in bytes for people: `312 kB`, `1.4 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"


def columns(rows: Iterable[tuple[str, str]], *, indent: str = "") -> list[str]:
    """Pairs of name and value as aligned lines."""
    pairs = list(rows)
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"{indent}{name.ljust(width)}  {value}".rstrip() for name, value in pairs]
