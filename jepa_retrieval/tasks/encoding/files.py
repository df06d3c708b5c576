"""A media file, or a part of one, to its windows, tokens and embedding: the one place where this is done."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from jepa_retrieval.media import DecodeRequest, MediaWindow, read_windows
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.windows import WindowEncoder

WINDOW_SECONDS = 2.0
_BATCH_WINDOWS = 4


def encode_part(
    path: Path,
    model: Model,
    *,
    prompt: str | None = None,
    start: float | None = None,
    end: float | None = None,
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
    windows: Iterable[MediaWindow], model: Model, *, prompt: str | None = None
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
