"""Where questions and labels find clips: in an index, or in tokens that were encoded for them alone."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from indexes import Index
from jepa_retrieval.media.reasons import NOTHING_SEEN
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.searching.stored_clips import (
    Intervals,
    Per,
    Selection,
    files_with_sound_only,
    pool,
    predict,
    predicted_embeddings,
    require_queries,
    stored_embeddings,
)


class ClipSet(Protocol):
    """Clips that can be classified and asked about; no media file is opened for it."""

    def embeddings(self, model: Model, *, query: str | None) -> tuple[Intervals, np.ndarray]:
        """The clips by path and time, and their Ŝ_Y under a query, float32 [C, E]; None: the captioning prompt.

        Raises:
            UsageError: the model's Predictor ignores queries, or there are no tokens to predict from.
        """
        ...

    def pooled(self, clips: Intervals, scores: np.ndarray, per: Per) -> tuple[Intervals, np.ndarray]:
        """Clips and their scores, float [C, K], as moments or files; see `stored_clips.pool`."""
        ...

    def unseen(self) -> Collection[str]:
        """Paths of files with sound only that were meant, too: there is nothing to see in them."""
        ...


@dataclass(frozen=True, slots=True)
class IndexedClips:
    """Clips of an index."""

    index: Index
    selection: Selection = field(default_factory=Selection)

    def embeddings(self, model: Model, *, query: str | None) -> tuple[Intervals, np.ndarray]:
        """See `ClipSet`; under no query, the stored embeddings."""
        if query is None:
            return stored_embeddings(self.index, self.selection)
        return predicted_embeddings(self.index, model, query, self.selection)

    def pooled(self, clips: Intervals, scores: np.ndarray, per: Per) -> tuple[Intervals, np.ndarray]:
        """See `ClipSet`."""
        return pool(clips, scores, per)

    def unseen(self) -> Collection[str]:
        """See `ClipSet`."""
        return files_with_sound_only(self.index, self.selection)


@dataclass(frozen=True, slots=True, eq=False)
class EncodedIntervals:
    """Intervals of files that were encoded alone. Each was named by itself, so they are not pooled."""

    intervals: Intervals
    tokens: Sequence[np.ndarray]  # S_V of each, float [N, D]
    prompt: str  # under which clips are captioned

    def embeddings(self, model: Model, *, query: str | None) -> tuple[Intervals, np.ndarray]:
        """See `ClipSet`."""
        if query is not None:
            require_queries(model)
        return self.intervals, predict(self.tokens, self.prompt if query is None else query, model)

    def pooled(self, clips: Intervals, scores: np.ndarray, per: Per) -> tuple[Intervals, np.ndarray]:
        """See `ClipSet`; unchanged."""
        return clips, scores

    def unseen(self) -> Collection[str]:
        """See `ClipSet`; none: they were decoded."""
        return ()


def why_nothing(clip_sets: Sequence[ClipSet]) -> tuple[str, ...]:
    """Why there are no clips in any of these, as warnings: what was meant may have sound only."""
    paths = sorted({path for clips in clip_sets for path in clips.unseen()})
    if not paths:
        return ()
    return (
        f"{paths[0]} {NOTHING_SEEN}"
        if len(paths) == 1
        else f"{len(paths):,} files have only sound, and nothing to see",
    )
