"""Text files from elsewhere: lists with an item a line, JSON, TOML, read in bounded memory. Imports nothing heavy.

Each function takes the kind of error to raise; its message begins with the file's name.
"""

from __future__ import annotations

import codecs
import errno
import json
import os
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from indexes.reasons import NO_SUCH_FILE
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.output_files import replacing
from jepa_retrieval.user_paths import is_endless, user_path

MAX_LIST_BYTES = 1 << 30  # of a list; a bank of ten million captions fits
MAX_SETTINGS_BYTES = 1 << 20  # of a file of settings; the largest of ours has 5 KB
NOT_REGULAR = "is not a regular file"
MAX_LINE_BYTES = 1 << 24  # of one line, or one JSON document, among many


def read_text(
    path: Path, *, max_bytes: int = MAX_LIST_BYTES, error: type[JepaError] = UsageError, what: str = ""
) -> str:
    """The content of a text file in UTF-8, with or without a byte order mark.

    Args:
        path: the file.
        max_bytes: a larger file is refused.
        error: what is raised.
        what: what the file is, for the message if it is not there.

    Raises:
        error: the file cannot be read, is too large, or is not UTF-8.
    """
    path = user_path(path)
    if is_endless(path):
        raise error(f"{path}: {NOT_REGULAR}")
    try:
        with path.open("rb") as file:
            content = file.read(max_bytes + 1)
    except (OSError, ValueError) as problem:  # ValueError: a path with a null byte
        if what and isinstance(problem, FileNotFoundError):
            raise error(f"{path}: there is no such {what}") from None
        raise error(f"{path}: cannot be read ({_reason(problem)})") from problem
    if len(content) > max_bytes:
        raise error(f"{path}: is larger than {_size(max_bytes)}, the limit for such a file")
    return decode_text(content, where=str(path), error=error)


def decode_text(content: bytes, *, where: str, error: type[JepaError] = UsageError) -> str:
    """Bytes in UTF-8 as text; `where` begins the message of the error."""
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        utf16 = content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE))
        reason = "it is in UTF-16" if utf16 else problem.reason
        raise error(f"{where}: not a text file in UTF-8 ({reason})") from problem
    if "\0" in text:  # as in UTF-16 without a byte order mark
        raise error(f"{where}: not a text file in UTF-8 (it contains null characters)")
    return text


def read_lines(path: Path) -> list[str]:
    """The lines of a text file, trimmed, without blank ones, each once, in their order.

    Raises:
        UsageError: the file cannot be read, or contains no text.
    """
    text = read_text(path)
    lines = list(dict.fromkeys(stripped for line in text.splitlines() if (stripped := line.strip())))
    if not lines:
        raise UsageError(f"{path}: contains no text")
    return lines


def iterate_lines(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of a text file of any length, numbered from 1, without their line endings.

    Raises:
        UsageError: the file cannot be read, or a line is too long or not UTF-8.
    """
    path = user_path(path)
    if is_endless(path):
        raise UsageError(f"{path}: {NOT_REGULAR}")
    try:
        with path.open("rb") as file:
            for number, line in enumerate(_bounded_lines(file, path), start=1):
                text = decode_text(line, where=f"{path}:{number}")
                yield number, text.rstrip("\r\n")
    except (OSError, ValueError) as problem:
        raise UsageError(f"{path}: cannot be read ({_reason(problem)})") from problem


def _bounded_lines(file: IO[bytes], path: Path) -> Iterator[bytes]:
    number = 0
    while line := file.readline(MAX_LINE_BYTES + 1):
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise UsageError(f"{path}:{number}: the line is longer than {_size(MAX_LINE_BYTES)}")
        yield line


def parse_json(text: str | bytes, *, where: str, error: type[JepaError] = UsageError) -> object:
    """Parse JSON; `where` (a file's name, with a line number if there are many) begins the message of the error."""
    try:
        value: object = json.loads(text)
    except json.JSONDecodeError as problem:
        raise error(f"{where}: not valid JSON ({problem})") from problem
    except RecursionError:
        raise error(f"{where}: not valid JSON (it is nested too deeply)") from None
    except ValueError as problem:  # bytes that are not UTF-8, a number of thousands of digits
        raise error(f"{where}: not valid JSON ({_reason(problem)})") from problem
    return value


def read_json(path: Path, *, error: type[JepaError] = UsageError, what: str = "") -> object:
    """The content of a small JSON file; arguments and errors as in `read_text` and `parse_json`."""
    text = read_text(path, max_bytes=MAX_SETTINGS_BYTES, error=error, what=what)
    return parse_json(text, where=str(path), error=error)


def read_toml(path: Path) -> dict[str, object]:
    """The content of a small TOML file.

    Raises:
        UsageError: the file cannot be read, is too large, or is not valid.
    """
    text = read_text(path, max_bytes=MAX_SETTINGS_BYTES)
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as problem:
        raise UsageError(f"{path}: not valid TOML: {problem}") from problem
    except (RecursionError, ValueError) as problem:  # nested too deeply; a number of thousands of digits
        raise UsageError(f"{path}: not valid TOML: {_reason(problem)}") from problem


def _reason(problem: BaseException) -> str:
    if isinstance(problem, RecursionError):
        return "it is nested too deeply"
    if isinstance(problem, OSError) and problem.errno:
        return NO_SUCH_FILE if problem.errno == errno.ENOENT else os.strerror(problem.errno)
    return str(problem).split(":")[0]


def _size(count: int) -> str:
    return f"{count >> 30} GB" if count >= 1 << 30 else f"{count >> 20} MB"


def write_page(path: Path, text: str) -> None:
    """Write a page in UTF-8, whole or not at all; what is not valid Unicode in it is escaped.

    Raises:
        OSError: it cannot be written; the error names the file, also where the disk is full.
    """
    with replacing(path) as written:
        written.write_text(text, "utf-8", errors="backslashreplace")
