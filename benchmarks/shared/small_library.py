"""A folder of the Panda-70M samples and photographs, and what two indexes of it must have in common."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shared.common import shared_data
from benchmarks.shared.panda70m import FOLDER
from jepa_retrieval.library import Library

PHOTOGRAPHS = Path("flickr8k") / "images"
TOLERANCE = 1e-3  # between the same embedding of two indexes


def make_folder(folder: Path, *, videos: int, photographs: int) -> Path:
    """Link, or else copy, so many of the samples into a new folder."""
    folder.mkdir(parents=True)
    _take((shared_data() / FOLDER).glob("*.mp4"), videos, folder)
    _take((shared_data() / PHOTOGRAPHS).iterdir(), photographs, folder)
    return folder


def _take(files: Iterable[Path], count: int, folder: Path) -> None:
    found = sorted(files)[:count]
    if len(found) < count:
        raise SystemExit(f"{count} files were asked for, and there are {len(found)}")
    for file in found:
        try:
            os.link(file, folder / file.name)
        except OSError:
            shutil.copy2(file, folder / file.name)


@dataclass(frozen=True, slots=True, eq=False)
class Content:
    """What an index holds: its files with state and error, its clips in order, and their embeddings."""

    files: Mapping[str, tuple[str, str | None]]
    clips: list[tuple[str, float | None, float | None]]  # path, start, end
    embeddings: np.ndarray  # float32 [clips, E]

    @classmethod
    def of(cls, index: Path) -> Content:
        """Read an index."""
        records = Library.open(index).records
        files = {path: (record.state, record.error) for path, record in records.known_files().items()}
        clips = sorted(records.all_clips(), key=lambda clip: (clip.path, clip.start or 0.0, clip.clip_id))
        embeddings = records.embeddings([clip.clip_id for clip in clips]).astype(np.float32)
        return cls(files, [(clip.path, clip.start, clip.end) for clip in clips], embeddings)

    def difference(self, other: Content) -> list[str]:
        """In which points another index is not the same; empty if in none."""
        found = []
        if self.files != other.files:
            names = sorted(
                name for name in {*self.files, *other.files} if self.files.get(name) != other.files.get(name)
            )
            found.append(f"{len(names)} files differ, such as {names[0]}")
        if self.clips != other.clips:
            differing = len(set(self.clips) ^ set(other.clips))
            found.append(f"{differing} clips differ, of {len(self.clips)} and {len(other.clips)}")
        elif (
            len(self.clips) and (worst := float(np.abs(self.embeddings - other.embeddings).max())) > TOLERANCE
        ):
            found.append(f"an embedding differs by {worst:.2g}")
        return found
