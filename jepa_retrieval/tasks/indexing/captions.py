"""A sentence for every clip of an index, from the stored embeddings: no video is decoded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.parts import Model, YDecoder

if TYPE_CHECKING:
    from indexes import Index, IndexWriter

CLIPS_AT_ONCE = 256


def require_decoder(model: Model) -> YDecoder:
    """The model's Y-Decoder; ModelError if it has none."""
    if model.y_decoder is None:
        raise ModelError(f"the model {model.name} has no Y-Decoder: it cannot make captions")
    return model.y_decoder


def caption_clips(index: Index, writer: IndexWriter, decoder: YDecoder) -> int:
    """Store a sentence for each clip that has none yet. Returns how many there were."""
    writer.keep_captions()
    writer.commit()
    index.refresh()
    size, count = index.manifest.embedding_size, 0
    columns = ["clip_id", "path", "embedding"]
    for batch in index.iter_clips(
        where="kind <> 'audio' AND caption IS NULL", columns=columns, batch_size=CLIPS_AT_ONCE
    ):
        embeddings = batch["embedding"].flatten().to_numpy().reshape(-1, size).astype(np.float32)
        by_path: dict[str, dict[int, str]] = {}
        rows = zip(
            batch["path"].to_pylist(), batch["clip_id"].to_pylist(), decoder.decode(embeddings), strict=True
        )
        for path, clip_id, sentence in rows:
            by_path.setdefault(path, {})[clip_id] = sentence.text
        for path, captions in by_path.items():
            writer.caption(path, captions)
        count += len(embeddings)
    return count
