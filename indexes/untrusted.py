"""Reading files that may come from a stranger: plain names, regular files, bounded size, checked content.

All functions raise `OSError` or `ValueError`, whose message says what is wrong in a few words; callers add the path.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, cast

from indexes.errors import IndexFormatError

# Names that this program gives to files of an index.
_PLAIN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,199}")
# Names that mean devices on Windows, with any suffix.
_DEVICE = re.compile(r"(?:con|prn|aux|nul|com\d|lpt\d)(?:\..*)?", re.IGNORECASE)

MAX_JSON_BYTES = 16 * 1024 * 1024


def check_plain_name(name: object) -> str:
    """A name of one file inside a known folder: no path, no device, nothing that a file system reads otherwise.

    Raises:
        ValueError: it is something else.
    """
    plain = isinstance(name, str) and _PLAIN_NAME.fullmatch(name) and not name.endswith(".")
    if not plain or _DEVICE.fullmatch(str(name)):
        raise ValueError(f"{_shown(name)} is not the plain name of a file")
    return str(name)


def check_no_links(folder: Path) -> None:
    """Refuse an index folder with anything but regular files and folders in it: a link leads out of it.

    Raises:
        ValueError: there is a link, a pipe or a device.
        OSError: the folder cannot be read.
    """
    for entry in _entries(folder):
        if entry.is_symlink() or not (
            entry.is_file(follow_symlinks=False) or entry.is_dir(follow_symlinks=False)
        ):
            raise ValueError(f"{entry.path} is a link or a special file, which an index must not hold")


def refuse_links(folder: Path) -> None:
    """Refuse to write to an index with symbolic links: that of a stranger must not make files outside of it change.

    Raises:
        IndexFormatError: it has one.
    """
    try:
        check_no_links(folder)
    except ValueError as error:
        raise IndexFormatError(f"{folder} is not safe to write to: {error}") from error
    except OSError:
        return  # the lock says what is wrong with the folder


def open_regular(path: Path) -> BinaryIO:
    """Open a regular file for reading; links, pipes and devices are refused.

    Raises:
        OSError: it cannot be opened.
        ValueError: it is not a regular file.
    """
    return _open(path, os.O_RDONLY, "rb")


def open_for_update(path: Path) -> BinaryIO:
    """Open a regular file for reading and writing, made if it is missing; links, pipes and devices are refused.

    Raises:
        OSError: it cannot be opened or made.
        ValueError: it is not a regular file.
    """
    return _open(path, os.O_RDWR | os.O_CREAT, "r+b")


def read_bytes(path: Path, *, max_bytes: int) -> bytes:
    """The content of a regular file.

    Raises:
        OSError, ValueError: it cannot be read, or is larger than `max_bytes`.
    """
    with open_regular(path) as file:
        size = os.fstat(file.fileno()).st_size
        if size > max_bytes:
            raise ValueError(f"it has {size:,} bytes, more than {max_bytes:,}")
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f"it has more than {max_bytes:,} bytes")
    return content


def parse_json(content: bytes | str) -> Any:
    """A JSON document. NaN and infinity, which JSON does not have, are refused.

    Raises:
        ValueError: it is not JSON, is nested too deeply, or has a number of thousands of digits.
    """
    try:
        return json.loads(content, parse_constant=_refuse_constant)
    except RecursionError:
        raise ValueError("it is not JSON: it is nested too deeply") from None
    except UnicodeDecodeError as error:
        raise ValueError(f"it is not JSON: byte {error.start + 1:,} is not text in UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: line {error.lineno}, column {error.colno} is not valid") from error
    except ValueError as error:
        raise ValueError(f"it is not JSON: {error}") from error


def read_json_object(path: Path, *, max_bytes: int = MAX_JSON_BYTES) -> Fields:
    """The fields of a JSON object in a file.

    Raises:
        OSError, ValueError: it cannot be read, is too large or is not a JSON object.
    """
    return Fields(parse_json(read_bytes(path, max_bytes=max_bytes)))


class Fields:
    """The fields of a JSON object; each accessor checks type and range.

    Raises:
        ValueError: it is not an object, or (in accessors) a field is missing or wrong.
    """

    def __init__(self, document: object) -> None:
        if not isinstance(document, dict):
            raise ValueError("it is not a JSON object")
        self._fields: Mapping[str, object] = document

    def __contains__(self, name: str) -> bool:
        return self._fields.get(name) is not None

    def __iter__(self) -> Iterator[str]:
        return iter(self._fields)

    def check_names(self, *names: str) -> None:
        """Refuse fields of other names."""
        for name in self._fields:
            if name not in names:
                raise ValueError(f"it has an unknown field {_shown(name)}")

    def value(self, name: str) -> object:
        """A field of any type; None if it is missing."""
        return self._fields.get(name)

    def text(self, name: str, *, max_chars: int = 4096) -> str:
        """A text without NUL."""
        value = self._fields.get(name)
        if not isinstance(value, str) or len(value) > max_chars or "\0" in value:
            raise ValueError(f"{name} must be text of up to {max_chars:,} characters, not {_shown(value)}")
        return value

    def unicode(self, name: str, *, max_chars: int = 4096) -> str:
        """A text that can be written as UTF-8."""
        value = self.text(name, max_chars=max_chars)
        try:
            value.encode()
        except UnicodeEncodeError:
            raise ValueError(f"{name} is not valid Unicode") from None
        return value

    def integer(self, name: str, *, low: int = 0, high: int = 2**63 - 1) -> int:
        """A whole number in a range."""
        value = self._fields.get(name)
        if type(value) is not int or not low <= value <= high:
            raise ValueError(f"{name} must be a whole number from {low} to {high}, not {_shown(value)}")
        return value

    def number(self, name: str, *, low: float, high: float = math.inf) -> float:
        """A finite number in a range."""
        value = self._fields.get(name)
        if type(value) not in (int, float) or not (low <= value <= high and value <= 1e300):  # type: ignore[operator]
            raise ValueError(f"{name} must be a number from {low:g} to {high:g}, not {_shown(value)}")
        return float(value)  # type: ignore[arg-type]

    def boolean(self, name: str) -> bool:
        """True or false."""
        value = self._fields.get(name)
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, not {_shown(value)}")
        return value

    def fields(self, name: str) -> Fields:
        """An object inside this one."""
        try:
            return Fields(self._fields.get(name))
        except ValueError:
            raise ValueError(f"{name} must be an object, not {_shown(self._fields.get(name))}") from None


def _open(path: Path, flags: int, mode: str) -> BinaryIO:
    if path.is_symlink():
        raise ValueError(f"{path.name} is a symbolic link")
    for name in ("O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC", "O_BINARY"):  # where the system has them
        flags |= getattr(os, name, 0)
    descriptor = os.open(path, flags, 0o666)
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise ValueError(f"{path.name} is not a regular file")
        return cast(BinaryIO, os.fdopen(descriptor, mode))
    except BaseException:
        os.close(descriptor)
        raise


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            yield entry
            if entry.is_dir(follow_symlinks=False):
                with contextlib.suppress(FileNotFoundError):  # a writer deleted it meanwhile
                    yield from _entries(Path(entry.path))


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name} is not a number")


def _shown(value: object) -> str:
    try:
        text = repr(value)
    except (ValueError, RecursionError):  # a number of thousands of digits
        return f"a value of type {type(value).__name__}"
    return text if len(text) <= 60 else text[:60] + "..."
