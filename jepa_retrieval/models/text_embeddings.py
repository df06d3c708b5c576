"""Embeddings S_Y of long lists of texts, computed once and kept in the user's cache."""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from jepa_retrieval.models.cache import cached_entry
from jepa_retrieval.models.parts import Model, YEncoder

_log = logging.getLogger(__name__)

MIN_CACHED = 64  # shorter lists are encoded each time: that is as fast as reading the cache
_BLOCK = 4096  # texts between two lines of the log


def embed_texts(texts: Sequence[str], y_encoder: YEncoder) -> np.ndarray:
    """T texts to S_Y, float32 [T, E], unit length; long lists report their progress to the log."""
    blocks = []
    for start in range(0, max(1, len(texts)), _BLOCK):
        if start:
            _log.info("Encoded %d of %d texts", start, len(texts))
        blocks.append(y_encoder.encode(texts[start : start + _BLOCK]))
    return np.concatenate(blocks)


def cached_text_embeddings(texts: Sequence[str], model: Model) -> np.ndarray:
    """T texts to S_Y of `model`, float32 [T, E], unit length; lists of `MIN_CACHED` and more come from the cache.

    Raises:
        ModelError: the cache folder cannot be written.
    """
    if len(texts) < MIN_CACHED:
        return embed_texts(texts, model.y_encoder)
    content = hashlib.sha256()
    for text in texts:
        encoded = text.encode(errors="surrogatepass")
        content.update(len(encoded).to_bytes(8, "big") + encoded)

    def build(folder: Path) -> None:
        np.save(folder / "embeddings.npy", embed_texts(texts, model.y_encoder))

    entry = cached_entry(f"texts/{model.fingerprint('')[:20]}-{content.hexdigest()[:20]}", build)
    embeddings: np.ndarray = np.load(entry / "embeddings.npy")
    return embeddings
