"""Standard output and standard error that may be closed, full, or a pipe whose reader has exited."""

from __future__ import annotations

import contextlib
import io
import os
import sys
from collections.abc import Iterator
from typing import Any


class ReaderGoneError(Exception):
    """The reader of standard output has exited, as `head` does. Not an OSError, because typer would handle that."""


class OutputError(Exception):
    """Standard output cannot be written. Not an OSError, because typer would handle that."""


class ResultStream(io.TextIOWrapper):
    """Standard output.

    Raises:
        ReaderGoneError: its reader has exited.
        OutputError: it is closed, or its disk is full.
    """

    def write(self, text: str) -> int:
        """Write text, which may stay in the buffer."""
        with explain_failures():
            return super().write(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        with explain_failures():
            super().flush()


class NoteStream(io.TextIOWrapper):
    """Standard error. What cannot be written is dropped, because there is nowhere to report that."""

    def write(self, text: str) -> int:
        """Write text."""
        try:
            return super().write(text)
        except OSError:
            discard_output(self)
            return len(text)

    def flush(self) -> None:
        """Write what is in the buffer."""
        try:
            super().flush()
        except OSError:
            discard_output(self)


@contextlib.contextmanager
def explain_failures() -> Iterator[None]:
    """Turn an error of writing to standard output into one that typer passes on.

    Raises:
        ReaderGoneError: the reader of standard output has exited.
        OutputError: any other error.
    """
    try:
        yield
    except BrokenPipeError as error:
        raise ReaderGoneError from error
    except OSError as error:
        raise OutputError(f"standard output: {error.strerror or error}") from error


def discard_output(stream: Any) -> None:
    """Send everything written to `stream` from now on to the null device, the content of its buffer included.

    Without it, the interpreter would try to write the buffer at exit, and complain.
    """
    with contextlib.suppress(OSError, ValueError):  # not a file, as in tests
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, stream.fileno())
        os.close(null)


def open_standard_streams() -> None:
    """Replace standard output and standard error by streams that handle failures; reopen what is closed.

    A file that is opened while a standard descriptor is closed would get its number, and everything that is printed.
    A closed standard output is reopened for reading only, so that writing to it fails as it should.
    """
    for descriptor in (0, 1, 2):
        try:
            os.fstat(descriptor)
        except OSError:
            null = os.open(os.devnull, os.O_WRONLY if descriptor == 2 else os.O_RDONLY)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
    if sys.stdin is None:
        sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = _wrapped(sys.stdout, 1, ResultStream)
    sys.stderr = _wrapped(sys.stderr, 2, NoteStream)


def _wrapped(stream: Any, descriptor: int, kind: type[io.TextIOWrapper]) -> io.TextIOWrapper:
    """A stream of this kind in place of `stream`, which is None if its descriptor was closed at the start."""
    buffer = os.fdopen(descriptor, "wb", closefd=False) if stream is None else stream.detach()
    encoding = "utf-8" if stream is None else stream.encoding
    # Characters that the encoding lacks, in a file name, are printed as escapes instead of failing.
    return kind(buffer, encoding, "backslashreplace", line_buffering=descriptor == 2 or buffer.isatty())
