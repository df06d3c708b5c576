"""Photographs of the benchmark data through a model's X-Encoder, read as the product reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from jepa_retrieval.media import DecodeRequest, MediaWindow, read_windows
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.embed import WindowEncoder

BATCH = 64


def encode_photographs(model: Model, paths: Sequence[Path]) -> np.ndarray:
    """S_V of each photograph, float32 [len(paths), N, D]."""
    return encode_pictures(model, (read_photograph(model, path) for path in paths))


def encode_pictures(model: Model, pictures: Iterable[np.ndarray]) -> np.ndarray:
    """S_V of pictures, uint8 [S, S, 3] each, as an index would hold them: float32 [pictures, N, D]."""
    encoder = WindowEncoder(model)
    windows = (MediaWindow(None, None, np.zeros(1), picture[np.newaxis]) for picture in pictures)
    parts = []
    while batch := list(islice(windows, BATCH)):
        parts.append(encoder.encode(batch).tokens)
    return np.concatenate(parts)


def read_photograph(model: Model, path: Path) -> np.ndarray:
    """One photograph as the model's X-Encoder takes it, uint8 [S, S, 3]."""
    request = DecodeRequest(path, image_size=model.x_encoder.image_size, thumbnails=False)
    frames: np.ndarray = next(iter(read_windows(request))).frames[0]
    return frames


def predict(model: Model, tokens: np.ndarray, queries: Sequence[str] | None = None) -> np.ndarray:
    """Ŝ_Y of S_V [B, N, D] for a query each (None: the model's prompt), float32 [B, E]."""
    return model.predictor.predict(tokens, queries or [model.prompt] * len(tokens))
