"""Media outside of an index: which files of some paths it knows, and a stretch of one file through the model."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from indexes import Index
from jepa_retrieval.media import DecodeRequest, FoundFile, MediaWindow, read_windows, scan
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.embed import WindowEncoder
from jepa_retrieval.tasks.indexing import WINDOW_SECONDS, FileFailure
from jepa_retrieval.tasks.media_root import MediaRoot

_BATCH_WINDOWS = 4


@dataclass(frozen=True, slots=True)
class Sorted:
    """The media files below some paths."""

    known: list[str]  # as the index stores them: their clips can be used
    loose: list[Path]  # to be decoded
    failed: list[FileFailure]


def sort_media(paths: Sequence[Path | str], index: Index | None, media_root: MediaRoot) -> Sorted:
    """Find the media files that paths name, and tell those that an index has as they are now from all others.

    Raises:
        UsageError: a path does not exist.
    """
    records = {} if index is None else index.known_files()
    found = Sorted([], [], [])
    for file in scan(paths):
        text = media_root.to_text(file.path)
        if not isinstance(file, FoundFile):
            found.failed.append(FileFailure(text, file.reason))
            continue
        record = records.get(text)
        same = (
            record and record.state == "ok" and (record.size, record.mtime_ns) == (file.size, file.mtime_ns)
        )
        if same:
            found.known.append(text)
        else:
            found.loose.append(file.path)
    return found


def encode_part(
    path: Path, model: Model, *, prompt: str, start: float | None = None, end: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """A file, or a stretch of it, as one clip: Ŝ_Y float32 [E], unit length, and S_V float32 [N, D].

    Both are means over the file's windows, as a stored clip's are.

    Raises:
        UnreadableMediaError: the file cannot be decoded, or has no frame there.
    """
    request = DecodeRequest(
        path,
        image_size=model.x_encoder.image_size,
        window=WINDOW_SECONDS,
        frames_per_window=model.frames_per_window,
        start=start,
        end=end,
        thumbnails=False,
    )
    return encode_windows(read_windows(request), model, prompt=prompt)


def encode_windows(
    windows: Iterable[MediaWindow], model: Model, *, prompt: str
) -> tuple[np.ndarray, np.ndarray]:
    """Windows as one clip: the mean of their Ŝ_Y, float32 [E], unit length, and of their S_V, float32 [N, D]."""
    encoder = WindowEncoder(model, prompt=prompt)
    embedding, tokens, count = np.zeros(model.embedding_size, np.float32), np.zeros((), np.float32), 0
    rest = iter(windows)
    while batch := list(itertools.islice(rest, _BATCH_WINDOWS)):
        encoded = encoder.encode(batch)
        embedding = embedding + encoded.embeddings.sum(axis=0)
        tokens = tokens + encoded.tokens.sum(axis=0)
        count += len(batch)
    return (embedding / np.linalg.norm(embedding)).astype(np.float32), tokens / count
