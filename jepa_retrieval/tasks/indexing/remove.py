"""Remove files from an index; the media are never touched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from indexes import Index
from jepa_retrieval.tasks.encoding.media_root import MediaRoot


def remove_files(index: Index, paths: Sequence[Path | str], media_root: MediaRoot) -> int:
    """Remove files, and everything below folders. Returns how many files the index had there."""
    wanted = [media_root.to_text(Path(path)) for path in paths]
    everything = "." in wanted
    folders = tuple(name + "/" for name in wanted)
    with index.writer() as writer:
        removed = [
            text for text in index.known_files() if everything or text in wanted or text.startswith(folders)
        ]
        writer.remove(removed)
    return len(removed)
