"""The meaning of what is said and written in an index: vectors of its texts, made when they are missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexes.records import Passage
from jepa_retrieval.tasks.encoding.known_words import knows_words
from jepa_retrieval.tasks.encoding.passages import passages_of_speech, passages_of_writing

if TYPE_CHECKING:
    from indexes import Index, IndexWriter
    from jepa_retrieval.models.parts import Model

_BATCH = 1024  # clips


def add_passages(index: Index, writer: IndexWriter, model: Model) -> bool:
    """Store the vectors that what is said and written lacks; nothing is recognised. Returns whether any changed.

    Args:
        index: to read from.
        writer: of the same index.
        model: of the index; its Y-Encoder embeds the texts.
    """
    writer.commit()
    index.refresh()
    if not (index.keeps_speech or index.keeps_writing) or index.passages.are_complete:
        return False

    def encode(texts: Sequence[str]) -> np.ndarray:
        vectors = model.y_encoder.encode(texts)
        known = [knows_words(text, model) for text in texts]
        return np.where(np.array(known)[:, None], vectors, np.float32(0))

    changed = index.passages.store(writer, _passages(index), encode)
    index.refresh()
    return changed


def _passages(index: Index) -> Iterator[Passage]:
    """Those of all clips, in the order of the table."""
    from indexes import arrays

    columns = ["clip_id"]
    columns += ["said"] if index.keeps_speech else []
    columns += ["written", "written_places", "written_by"] if index.keeps_writing else []
    for batch in index.iter_clips(columns=columns, batch_size=_BATCH):
        clip_ids = batch["clip_id"].to_pylist()
        if index.keeps_speech:
            for clip_id, said in zip(clip_ids, batch["said"].to_pylist(), strict=True):
                yield from passages_of_speech(clip_id, said or "")
        if index.keeps_writing:
            for clip_id, writing in zip(clip_ids, arrays.writing(batch), strict=True):
                if writing is not None:
                    yield from passages_of_writing(clip_id, writing)
