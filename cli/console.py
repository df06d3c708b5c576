"""Where output goes: results to standard output; notes, progress and errors to standard error."""

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
    """The options that apply to every command."""

    quiet: bool = False  # no notes and no progress; results and errors are still printed
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
    """The reader of standard output has exited, as `head` does. Not an OSError, because typer would handle that."""


def result(text: str = "") -> None:
    """Print one line of results."""
    try:
        sys.stdout.write(text + "\n")
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def result_bytes(data: bytes) -> None:
    """Print raw bytes as results, for other programs."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def flush_results() -> None:
    """Flush standard output."""
    try:
        sys.stdout.flush()
    except BrokenPipeError as error:
        raise ReaderGoneError from error


def results(lines: Iterable[str]) -> None:
    """Print lines of results."""
    for line in lines:
        result(line)


def json_text(document: Any, *, one_line: bool = False) -> str:
    """A JSON document as text that a terminal can show and a line-oriented reader can split."""
    text = json.dumps(document, ensure_ascii=False, indent=None if one_line else 2, allow_nan=False)
    # Characters that json does not escape, although a terminal may act on them or a reader may split lines there.
    return re.sub("[\x7f-\x9f\u2028\u2029\ud800-\udfff]", lambda match: f"\\u{ord(match.group()):04x}", text)


def result_json(document: Any, *, one_line: bool = False) -> None:
    """Print one JSON document, on one line if the command prints several."""
    result(json_text(document, one_line=one_line))
    flush_results()


def note(text: str) -> None:
    """Print a remark for people to standard error; nothing under --quiet."""
    if not settings.quiet:
        _write_line(text)


def warning(text: str) -> None:
    """Report a problem that did not stop the command."""
    _write_line(f"Warning: {text}")


def error(text: str) -> None:
    """Report in one sentence why the command stopped."""
    _write_line(f"Error: {printable(text)}")


def _write_line(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


def is_terminal(stream: TextIO) -> bool:
    """Whether `stream` is a terminal with cursor control."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


def styled(*, stderr: bool = False) -> Console:
    """A rich console for tables and progress bars; without colours and styles if $NO_COLOR is set."""
    from rich.console import Console

    plain = bool(os.environ.get("NO_COLOR"))
    return Console(stderr=stderr, highlight=False, color_system=None if plain else "auto")


def show_progress() -> bool:
    """Whether to show progress, on a terminal or in a log."""
    return settings.progress and not settings.quiet


def count(number: int, noun: str, plural: str | None = None) -> str:
    """`3 files`, `1 file`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def bytes_text(size: float) -> str:
    """A size in bytes as people read it: `312 kB`, `1.4 GB`."""
    for unit in ("B", "kB", "MB", "GB", "TB"):
        if size < 999.5 or unit == "TB":
            break
        size /= 1000
    return f"{size:.0f} {unit}" if unit == "B" or size >= 99.5 else f"{size:.1f} {unit}"


def columns(rows: Iterable[tuple[str, str]], *, indent: str = "") -> list[str]:
    """Pairs of name and value, as aligned lines."""
    pairs = list(rows)
    width = max((len(name) for name, _ in pairs), default=0)
    return [f"{indent}{name.ljust(width)}  {value}".rstrip() for name, value in pairs]
