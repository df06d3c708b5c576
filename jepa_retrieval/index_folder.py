"""Where indexes lie on disk."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.user_paths import absolute

INDEX_NAME = ".jepa"


def find_index(start: Path | str) -> Path | None:
    """The nearest index folder at `start` or above it, as git finds `.git`; None if there is none."""
    start = absolute(start)
    for folder in (start, *start.parents):
        if (folder / INDEX_NAME / "manifest.json").is_file():
            return folder / INDEX_NAME
    return None
