"""Prompted search: what a search found, ranked again by what the model says of it under another prompt.

The Predictor runs over the stored tokens of the clips that the first stage found, with the prompt as X_Q. A clip's
score is then the weighted mean of the two cosines to the query: the one under the index's prompt, and the one under
the new prompt. The mean keeps what the first stage knew, so that a prompt which does not fit the query costs little;
and the first hit gives way only to one that is better by a margin.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from indexes import Index
from indexes.records import ClipHit
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.searching.stored_clips import Selection, predicted_embeddings

# Share of the new prompt's cosine, and how much is added to the first hit of the first stage: the pair at which, on
# Flickr8k dev, no prompt of `python -m benchmarks.studies.prompted_search --choose` loses at recall@1.
WEIGHT = 0.1
MARGIN = 0.005
# The first stage fetches this many clips per requested moment, and never fewer than the minimum.
OVERFETCH = 10
MIN_CLIPS = 100


def clips_to_fetch(top: int) -> int:
    """How many clips the first stage should find for `top` moments."""
    return max(MIN_CLIPS, OVERFETCH * top)


class PromptRerank:
    """The second stage of a search, in the form that a search takes: a function of the query and its hits."""

    def __init__(self, index: Index, model: Model, prompt: str, *, weight: float = WEIGHT) -> None:
        """See `rank_again`."""
        self._index, self._model, self._prompt, self._weight = index, model, prompt, weight

    def __call__(self, query: np.ndarray, hits: Sequence[ClipHit]) -> list[ClipHit]:
        """The hits of a query, float32 [E], ranked again."""
        return rank_again(
            hits, query, self._prompt, index=self._index, model=self._model, weight=self._weight
        )


def rank_again(
    hits: Sequence[ClipHit],
    query: np.ndarray,
    prompt: str,
    *,
    index: Index,
    model: Model,
    weight: float = WEIGHT,
) -> list[ClipHit]:
    """Clips by the mean of their score and of the one under `prompt`, best first.

    Args:
        hits: what the first stage found, best first.
        query: float32 [E], unit length.
        prompt: the new X_Q, such as "What is the person doing?".
        index: where the clips' tokens are.
        model: the index's own.
        weight: of the score under the prompt, 0 to 1.

    Raises:
        UsageError: the model takes no questions, or the index holds no tokens.
    """
    selection = Selection(clip_ids=[hit.clip_id for hit in hits])
    clips, predicted = predicted_embeddings(index, model, prompt, selection)
    prompted = dict(zip(clips.clip_ids.tolist(), (predicted @ query).tolist(), strict=True))
    again = [
        dataclasses.replace(
            hit, score=combined(hit.score, prompted[hit.clip_id], weight) + (MARGIN if place == 0 else 0.0)
        )
        for place, hit in enumerate(hits)
    ]
    return sorted(again, key=lambda hit: -hit.score)


def combined(plain: float, prompted: float, weight: float = WEIGHT) -> float:
    """The weighted mean of the scores without and with the prompt."""
    return (1.0 - weight) * plain + weight * prompted
