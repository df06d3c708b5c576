"""How the command line reads paths."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.user_paths import user_path


def parse_path(text: str) -> Path:
    """A path argument, with `~` expanded. Raises ValueError, which typer reports with the argument's name."""
    try:
        return user_path(text)
    except UsageError as error:
        raise ValueError(str(error)) from error


def parse_path_text(text: str) -> str:
    """A path argument that stays as it was written, because it may be a pattern or have an interval behind it."""
    parse_path(text)
    return text
