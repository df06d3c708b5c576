"""Photographs of the benchmark data through a model's X-Encoder, read as the product reads them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import islice
from pathlib import Path

import numpy as np

from benchmarks.shared.cache import EmbeddingCache, default_cache, key_of
from jepa_retrieval.media import DecodeRequest, MediaWindow, read_windows
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.tasks.encoding.windows import WindowEncoder, fit_of

BATCH = 64


def encode_photographs(model: RuntimeModel, paths: Sequence[Path]) -> np.ndarray:
    """S_V of each photograph, float32 [len(paths), N, D]; cached for the next script."""
    cache = EmbeddingCache(default_cache() / "photographs", fingerprint_of_x_encoder(model.config))
    keys = [_key(path) for path in paths]
    known = cache.get(keys)
    missing = [(key, path) for key, path in zip(keys, paths, strict=True) if key not in known]
    for start in range(0, len(missing), BATCH):
        part = missing[start : start + BATCH]
        tokens = encode_pictures(model, (read_photograph(model, path) for _, path in part))
        rows = [(key, clip.ravel()) for (key, _), clip in zip(part, tokens, strict=True)]
        cache.put(rows)
        known |= dict(rows)
    cache.close()
    return np.stack([known[key] for key in keys]).reshape(len(paths), -1, model.x_encoder.token_size)


def _key(path: Path) -> bytes:
    status = path.stat()
    return key_of("photograph", path.name, status.st_size, status.st_mtime_ns)


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
    request = DecodeRequest(
        path, image_size=model.x_encoder.image_size, fit=fit_of(model, single_crop=True), thumbnails=False
    )
    frames: np.ndarray = next(iter(read_windows(request))).frames[0]
    return frames


def predict(model: Model, tokens: np.ndarray, queries: Sequence[str] | None = None) -> np.ndarray:
    """Ŝ_Y of S_V [B, N, D] for a query each (None: the model's prompt), float32 [B, E]."""
    return model.predictor.predict(tokens, queries or [model.prompt] * len(tokens))
