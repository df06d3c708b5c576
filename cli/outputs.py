"""Writes what a command was asked to write besides its results."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from cli import console
from indexes.reasons import reason
from jepa_retrieval.errors import JepaError


def try_write(file: Path, write: Callable[[], None]) -> str | None:
    """Write a file, and tell so; why it failed, if it did: results are printed all the same.

    Args:
        file: where to.
        write: writes it; a `JepaError` or an `OSError` of it is returned as a sentence that names the file.
    """
    try:
        write()
    except JepaError as error:
        return f"{file} was not written: {error}"
    except OSError as error:
        return f"{file} was not written: {reason(error)}"
    console.note(f"Wrote {file}")
    return None
