"""Paths as an index stores them: relative to its media root, "/" between parts."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.media import decode_path, encode_path


@dataclass(frozen=True, slots=True)
class MediaRoot:
    """The folder that stored paths are relative to; files outside it are stored with absolute paths."""

    folder: Path

    def to_text(self, path: Path) -> str:
        """The stored form of a path on disk. Symbolic links are kept as they are."""
        absolute = Path(os.path.abspath(path))
        try:
            relative = absolute.relative_to(self.folder)
        except ValueError:
            return encode_path(absolute)
        return encode_path(relative.as_posix())

    def to_path(self, text: str) -> Path:
        """The path on disk of a stored path."""
        return self.folder / decode_path(text)
