"""Where output goes: results to standard output; notes, progress and errors to standard error."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TextIO

from cli.streams import explain_failures
from jepa_retrieval.addresses import is_remote, url_of
from jepa_retrieval.visible import INVISIBLE, visible, visible_path

if TYPE_CHECKING:
    from pathlib import Path

    from rich.console import Console


@dataclass
class Settings:
    """The options that apply to every command."""

    quiet: bool = False  # no notes and no progress; results and errors are still printed
    progress: bool = True
    debug: bool = False  # tracebacks instead of one-sentence errors, and log messages


settings = Settings()

MAX_ERROR_CHARACTERS = 1_500  # an error that repeats a value of many kilobytes is shortened


def shortened(text: str, longest: int = MAX_ERROR_CHARACTERS) -> str:
    """`text` with its middle left out if it is longer than `longest` characters."""
    if len(text) <= longest:
        return text
    return f"{text[: longest * 2 // 3]} ... {text[-(longest // 3) :]}"


def result(text: str = "") -> None:
    """Print one line of results, with control characters escaped."""
    sys.stdout.write(visible(text) + "\n")


def row(*cells: object) -> None:
    """Print one line of results in tab-separated cells, with control characters escaped."""
    sys.stdout.write("\t".join(visible(str(cell)) for cell in cells) + "\n")


def result_path(path: Path) -> None:
    """Print a path on a line of its own, with control characters escaped.

    For other programs, bytes that are not valid UTF-8 are printed as they are, as `ls` prints them: the path then
    leads to the file. On a terminal they are escaped too.
    """
    if is_terminal(sys.stdout) or is_remote(path):
        result(url_of(path))
    else:
        result_bytes(visible_path(path) + b"\n")


def results(lines: Iterable[str]) -> None:
    """Print lines of results, with control characters escaped."""
    for line in lines:
        result(line)


def result_bytes(data: bytes) -> None:
    """Print raw bytes as results, for other programs."""
    sys.stdout.flush()
    with explain_failures():
        sys.stdout.buffer.write(data)


def flush_results() -> None:
    """Flush standard output."""
    sys.stdout.flush()


def json_text(document: Any, *, one_line: bool = False) -> str:
    """A JSON document as text that a terminal can show and a line-oriented reader can split."""
    text = json.dumps(document, ensure_ascii=False, indent=None if one_line else 2, allow_nan=False)
    # json escapes only some of these. Line breaks between its own tokens remain.
    return re.sub(rf"(?!\n){INVISIBLE.pattern}", lambda match: f"\\u{ord(match.group()):04x}", text)


def result_json(document: Any, *, one_line: bool = False) -> None:
    """Print one JSON document, on one line if the command prints several."""
    sys.stdout.write(json_text(document, one_line=one_line) + "\n")
    flush_results()


def result_csv(rows: Iterable[Iterable[object]]) -> None:
    """Print rows of a CSV table, with control characters escaped as in other text; JSON has them exactly."""
    writer = csv.writer(sys.stdout, lineterminator="\n")
    for cells in rows:
        writer.writerow([visible(cell) if isinstance(cell, str) else cell for cell in cells])


def note(text: str) -> None:
    """Print a remark for people to standard error; nothing under --quiet."""
    if not settings.quiet:
        _write_line(text)


def note_row(*cells: object) -> None:
    """Print a note in tab-separated cells."""
    if not settings.quiet:
        sys.stderr.write("\t".join(visible(str(cell)) for cell in cells) + "\n")
        sys.stderr.flush()


def answer(question: str) -> str:
    """Ask a question on standard error, and read a line from standard input."""
    sys.stderr.write(visible(question))
    sys.stderr.flush()
    return sys.stdin.readline().strip()


def warning(text: str) -> None:
    """Report a problem that did not stop the command."""
    _write_line(f"Warning: {shortened(text)}")


def error(text: str) -> None:
    """Report in one sentence why the command stopped."""
    _write_line(f"Error: {shortened(text)}")


def traceback_lines(text: str) -> None:
    """Print a traceback, which has several lines."""
    for line in text.splitlines():
        _write_line(line)


def _write_line(text: str) -> None:
    sys.stderr.write(visible(text) + "\n")
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


def warn_of(warnings: Iterable[str]) -> None:
    """Show the warnings of a result."""
    for text in warnings:
        warning(text)


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
