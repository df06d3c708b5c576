"""Open-vocabulary classification: the label whose text lies nearest to what the model sees."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

from jepa_retrieval.models.parts import Model
from jepa_retrieval.notebook import NotebookView, Tile
from jepa_retrieval.tasks.asking.candidates import Candidate, CandidateSet, Scored, parse_candidates
from jepa_retrieval.tasks.asking.clip_set import ClipSet, why_nothing
from jepa_retrieval.tasks.encoding.known_words import check_words
from jepa_retrieval.tasks.searching.stored_clips import Per, check_selection

# The label as it is, and as a picture and a video would be captioned. Chosen on paper.
DEFAULT_TEMPLATES = ("{}", "a photo of {}", "a video of {}")


@dataclass(frozen=True, slots=True)
class Classified:
    """The best labels of a clip, a moment or a file."""

    path: str  # relative to the media root
    start: float | None  # seconds; None for images
    end: float | None
    labels: tuple[Scored, ...]  # best first
    clip_id: int | None  # the clip, or the longest one in it; None for media outside of an index


@dataclass(frozen=True, slots=True)
class Classification(NotebookView):
    """What a classification found, by path and time."""

    labels: tuple[str, ...]  # all candidates
    model: str
    temperature: float  # of the softmax that gives probabilities
    elapsed_ms: float
    items: tuple[Classified, ...]
    warnings: tuple[str, ...] = ()  # why the labels may mean little, one sentence each

    def tiles(self) -> list[Tile]:
        """As a notebook shows it."""
        return [
            Tile(item.path, item.start, item.end, item.clip_id, _lines(item.labels)) for item in self.items
        ]


ONE_LABEL = (
    "a single label has probability 1 whatever is shown: its score tells more, or other labels beside it"
)


class ClassifyOptions(TypedDict, total=False):
    """The keywords of `classify`, for those who pass them on."""

    templates: Sequence[str] | None
    per: Per
    top: int
    prompt: str | None


def classify(
    clip_sets: Sequence[ClipSet],
    model: Model,
    labels: Sequence[str | Candidate],
    *,
    templates: Sequence[str] | None = None,
    per: Per = "file",
    top: int = 5,
    prompt: str | None = None,
) -> Classification:
    """Name what clips, moments or files show; no media file is opened.

    Args:
        clip_sets: what is classified.
        model: the one that the clips were encoded with.
        labels: the candidates, in the form of `parse_candidates`.
        templates: sentences around a label, with `{}` in its place; None for `DEFAULT_TEMPLATES`.
        per: "clip"; "moment": neighbours with the same best label are one; "file": over all clips of a file, each
            weighted by its duration.
        top: at most so many labels of an item.
        prompt: a query under which embeddings are predicted anew from the tokens; None: the stored embeddings.

    Raises:
        UsageError: no labels, or not a list of them; an unknown `per`; a template without `{}`; a prompt where
            the model takes none or tokens are missing.
        FilterError: the SQL of a selection is not valid.
    """
    began = time.perf_counter()
    check_selection(per, top)
    chosen = DEFAULT_TEMPLATES if templates is None else templates
    parsed = parse_candidates(labels, what="labels")
    candidates = CandidateSet(parsed, model, templates=chosen)
    items = []
    for clips in clip_sets:
        intervals, embeddings = clips.embeddings(model, query=prompt)
        intervals, scores = clips.pooled(intervals, candidates.scores(embeddings), per)
        items += [
            Classified(
                intervals.paths[row],
                *intervals.time(row),
                tuple(candidates.ranked(scores[row], temperature=model.temperature, top=top)),
                intervals.clip_id(row),
            )
            for row in range(len(intervals))
        ]
    items.sort(key=lambda item: (item.path, item.start or 0.0))
    elapsed = (time.perf_counter() - began) * 1000
    texts = [text for candidate in parsed for text in candidate.texts]
    warnings = check_words([*texts, *([prompt] if prompt else [])], model).warnings
    if len(parsed) == 1:
        warnings = (*warnings, ONE_LABEL)
    if not items:
        warnings = (*warnings, *why_nothing(clip_sets))
    return Classification(candidates.names, model.name, model.temperature, elapsed, tuple(items), warnings)


def _lines(labels: Sequence[Scored]) -> tuple[str, ...]:
    return tuple(f"{label.name} {label.probability:.0%}" for label in labels[:3])
