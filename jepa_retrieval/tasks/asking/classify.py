"""Open-vocabulary classification: the label whose text lies nearest to what the model sees."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexes import Index
from jepa_retrieval.models.parts import Model
from jepa_retrieval.notebook import NotebookView, Tile
from jepa_retrieval.tasks.asking.candidates import Candidate, CandidateSet, Scored, parse_candidates
from jepa_retrieval.tasks.searching.stored_clips import (
    Per,
    Selection,
    Spans,
    pool,
    predict,
    predicted_embeddings,
    stored_embeddings,
)

# The label as it is, and as a picture and a video would be captioned. Chosen on paper.
DEFAULT_TEMPLATES = ("{}", "a photo of {}", "a video of {}")


@dataclass(frozen=True, slots=True)
class Classified:
    """The best labels of a clip, a moment or a file."""

    path: str  # relative to the media root
    start: float | None  # seconds; None for images
    end: float | None
    labels: tuple[Scored, ...]  # best first
    clip_id: int | None  # the clip, or the longest one in it; None for media that no index has


@dataclass(frozen=True, slots=True)
class Classification(NotebookView):
    """What a classification found, by path and time."""

    labels: tuple[str, ...]  # all candidates
    model: str
    temperature: float  # of the softmax that gives probabilities
    elapsed_ms: float
    items: tuple[Classified, ...]

    def joined(self, other: Classification) -> Classification:
        """This and another one with the same labels as one, by path and time."""
        items = sorted((*self.items, *other.items), key=lambda item: (item.path, item.start or 0.0))
        return replace(self, items=tuple(items), elapsed_ms=self.elapsed_ms + other.elapsed_ms)

    def tiles(self) -> list[Tile]:
        """As a notebook shows it."""
        return [
            Tile(item.path, item.start, item.end, item.clip_id, _lines(item.labels)) for item in self.items
        ]


class Classifier:
    """Labels, encoded once."""

    def __init__(
        self,
        labels: Sequence[str | Candidate],
        model: Model,
        *,
        templates: Sequence[str] | None = None,
        top: int = 5,
    ) -> None:
        """Encode the labels; see `classify`."""
        chosen = DEFAULT_TEMPLATES if templates is None else templates
        self.candidates = CandidateSet(parse_candidates(labels), model, templates=chosen)
        self.model = model
        self.top = top

    def over(
        self,
        index: Index,
        *,
        per: Per = "file",
        prompt: str | None = None,
        selection: Selection | None = None,
    ) -> Classification:
        """Classify clips of an index; see `classify`."""
        began = time.perf_counter()
        chosen = selection or Selection()
        if prompt is None:
            spans, embeddings = stored_embeddings(index, chosen)
        else:
            spans, embeddings = predicted_embeddings(index, self.model, prompt, chosen)
        spans, scores = pool(spans, self.candidates.scores(embeddings), per)
        return self._result(spans, scores, began=began)

    def of(self, spans: Spans, tokens: Sequence[np.ndarray], *, prompt: str) -> Classification:
        """Classify stretches of media that no index has, by their S_V, float [N, D] each."""
        began = time.perf_counter()
        scores = self.candidates.scores(predict(tokens, prompt, self.model))
        return self._result(spans, scores, began=began)

    def _result(self, spans: Spans, scores: np.ndarray, *, began: float) -> Classification:
        items = tuple(
            Classified(
                spans.paths[row],
                *spans.time(row),
                tuple(self.candidates.ranked(scores[row], temperature=self.model.temperature, top=self.top)),
                spans.clip_id(row),
            )
            for row in range(len(spans))
        )
        elapsed = (time.perf_counter() - began) * 1000
        return Classification(self.candidates.names, self.model.name, self.model.temperature, elapsed, items)


def classify(
    index: Index,
    model: Model,
    labels: Sequence[str | Candidate],
    *,
    templates: Sequence[str] | None = None,
    per: Per = "file",
    top: int = 5,
    prompt: str | None = None,
    selection: Selection | None = None,
) -> Classification:
    """Name what clips, moments or files of an index show; no media file is opened.

    Args:
        index: where the clips are.
        model: the index's own.
        labels: the candidates, in the form of `parse_candidates`.
        templates: sentences around a label, with `{}` in its place; None for `DEFAULT_TEMPLATES`.
        per: "clip"; "moment": neighbours with the same best label are one; "file": over all clips of a file, each
            weighted by its duration.
        top: most labels of an item.
        prompt: a query under which embeddings are predicted anew from the stored tokens; None: the stored embeddings.
        selection: which clips; None for all.

    Raises:
        UsageError: no labels, a template without `{}`, or a prompt where the model or the index knows none.
        FilterError: the selection's SQL is not valid.
    """
    began = time.perf_counter()
    classifier = Classifier(labels, model, templates=templates, top=top)
    found = classifier.over(index, per=per, prompt=prompt, selection=selection)
    return replace(found, elapsed_ms=(time.perf_counter() - began) * 1000)


def _lines(labels: Sequence[Scored]) -> tuple[str, ...]:
    return tuple(f"{label.name} {label.probability:.0%}" for label in labels[:3])
