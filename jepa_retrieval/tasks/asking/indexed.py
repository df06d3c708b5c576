"""Questions about the clips of an index that lie nearest to a text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Unpack

import numpy as np

from indexes import Index
from jepa_retrieval.arguments import as_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.asking.ask import Answers, AskOptions, ask
from jepa_retrieval.tasks.asking.clip_set import IndexedClips
from jepa_retrieval.tasks.encoding.known_words import check_words
from jepa_retrieval.tasks.searching.stored_clips import Selection, stored_embeddings


def ask_index(
    index: Index,
    model: Model,
    question: str,
    *,
    selection: Selection,
    search: str | None,
    clips: int,
    **options: Unpack[AskOptions],
) -> Answers:
    """Answer a question about some clips of an index, with `search` those nearest to a text; see `Library.ask`."""
    if search is None:
        return ask([IndexedClips(index, selection)], model, question, **options)
    if not as_text("search", search).strip():
        raise UsageError("the text to search for is empty")
    clip_ids = _nearest(index, model.y_encoder.encode([search]), selection, clips)
    nearest = replace(selection, clip_ids=clip_ids)
    found = ask([IndexedClips(index, nearest)], model, question, **options)
    return replace(found, warnings=(*check_words([search], model).warnings, *found.warnings))


def _nearest(index: Index, query: np.ndarray, selection: Selection, count: int) -> Sequence[int]:
    """The clips of a selection that are nearest to a query, float32 [1, E]."""
    if selection.paths is None:
        return [hit.clip_id for hit in index.search(query, k=count, where=selection.where)[0]]
    clips, embeddings = stored_embeddings(index, selection)
    ranked = np.argsort(-(embeddings @ query[0]), kind="stable")[:count]
    nearest: list[int] = clips.clip_ids[ranked].tolist()
    return nearest
