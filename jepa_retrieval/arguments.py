"""Checks of arguments that many public functions share: a list where a list is meant, a text where a text is."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any, TypeVar

from jepa_retrieval.errors import UsageError

T = TypeVar("T")


def as_list(name: str, values: Iterable[T], *allowed: type[Any], example: str) -> list[T]:
    """The values as a list. A single string is refused: Python would silently take it for a list of its letters.

    Args:
        name: of the argument, for the error.
        values: what the caller gave.
        allowed: types that a value may have; `str` if none is given.
        example: a valid argument, for the error.

    Raises:
        UsageError: `values` is a string or no list at all, or one of them has another type.
    """
    if isinstance(values, str | bytes | os.PathLike) or not isinstance(values, Iterable):
        raise UsageError(f"{name} must be a list, such as {example}, not {_shown(values)}")
    listed = list(values)
    for value in listed:
        if not isinstance(value, allowed or (str,)):
            raise UsageError(f"{name} must be a list such as {example}: {_shown(value)} is not allowed in it")
    return listed


def as_text(name: str, value: str) -> str:
    """The text itself.

    Raises:
        UsageError: it is not a string.
    """
    if not isinstance(value, str):
        raise UsageError(f"{name} must be a text, not {_shown(value)}")
    return value


def as_count(name: str, value: int) -> int:
    """The number itself.

    Raises:
        UsageError: it is no whole number, or less than 1.
    """
    if not isinstance(value, int) or value < 1:
        raise UsageError(f"{name} must be a whole number of at least 1, not {value!r}")
    return value


def as_paths(name: str, paths: Path | str | Iterable[T]) -> list[Path | str | T]:
    """One path, or several, as a list.

    Raises:
        UsageError: it is neither.
    """
    if isinstance(paths, str | Path):
        return [paths]
    if isinstance(paths, bytes) or not isinstance(paths, Iterable):
        raise UsageError(f"{name} must be a path or a list of paths, not {_shown(paths)}")
    return list(paths)


def _shown(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 60 else text[:60] + '...'} ({type(value).__name__})"
