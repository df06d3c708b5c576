"""Exceptions of other libraries: which of them mean that files are damaged, and their message in one line."""

from __future__ import annotations

import errno
import re

NO_SUCH_FILE = "no such file or folder"  # the one wording for it in the whole project

_LOCATION = re.compile(r",? (?:/|rust/|[A-Za-z]:\\)\S*\.rs:\d+:\d+")
_PREFIX = re.compile(
    r"^(?:Invalid user input|External error|Query Execution error|Schema error|LanceError\(\w+\)): "
)


def is_file_failure(error: BaseException) -> bool:
    """Whether an exception out of Lance, Arrow or the system means that files could not be read or written.

    Lance reports damage as any of these, or by a Rust panic, whose Python class cannot be imported.
    """
    return isinstance(error, (OSError, ValueError, RuntimeError)) or type(error).__name__ == "PanicException"


def first_line(error: BaseException) -> str:
    """The first line of an error's message that is not blank; the name of its class if there is none.

    A line that ends with a colon only announces what is wrong: the next one comes with it. A `KeyError` says no more
    than the key.
    """
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if isinstance(error, KeyError):
        return f"{lines[0]} is missing"
    return " ".join(lines[:2]) if lines[0].endswith(":") else lines[0]


def reason(error: BaseException) -> str:
    """The first line of an error's message, without Lance's source locations and nested prefixes."""
    if isinstance(error, OSError) and error.strerror:
        return NO_SUCH_FILE if error.errno == errno.ENOENT else error.strerror
    text = _LOCATION.sub("", first_line(error))
    while _PREFIX.match(text):
        text = _PREFIX.sub("", text, count=1)
    return text.rstrip(". ")


def is_refused_by_system(error: BaseException) -> bool:
    """Whether a failure has the number of a system error, such as that of a full disk: files are not damaged then."""
    return getattr(error, "errno", None) is not None or "(os error " in str(error)
