"""Questions about the clips of an index that lie nearest to a text."""

from __future__ import annotations

from dataclasses import replace
from typing import Unpack

from indexes import Index
from jepa_retrieval.arguments import as_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.asking.ask import Answers, AskOptions, ask
from jepa_retrieval.tasks.asking.clip_set import IndexedClips
from jepa_retrieval.tasks.encoding.known_words import check_words
from jepa_retrieval.tasks.searching.stored_clips import Selection


def ask_index(
    index: Index,
    model: Model,
    question: str,
    *,
    where: str | None,
    search: str | None,
    clips: int,
    **options: Unpack[AskOptions],
) -> Answers:
    """Answer a question about the clips of an index; see `Library.ask`."""
    if search is None:
        return ask([IndexedClips(index, Selection(where))], model, question, **options)
    if not as_text("search", search).strip():
        raise UsageError("the text to search for is empty")
    hits = index.search(model.y_encoder.encode([search]), k=clips, where=where)[0]
    nearest = Selection(clip_ids=[hit.clip_id for hit in hits])
    found = ask([IndexedClips(index, nearest)], model, question, **options)
    return replace(found, warnings=(*check_words([search], model).warnings, *found.warnings))
