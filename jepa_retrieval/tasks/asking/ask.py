"""Questions: the Predictor runs over stored tokens with the question as X_Q, and the nearest answer is taken.

For a question of yes or no, what the Predictor answers counts together with how well the clip fits the question as a
statement.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypedDict

from jepa_retrieval.arguments import as_text
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.queries import normal_question
from jepa_retrieval.notebook import NotebookView, Tile
from jepa_retrieval.tasks.asking.candidates import Candidate, CandidateSet, Scored, parse_candidates
from jepa_retrieval.tasks.asking.clip_set import ClipSet, why_nothing
from jepa_retrieval.tasks.asking.yes_no import YES_NO, StatementEvidence, wants_yes_or_no
from jepa_retrieval.tasks.encoding.known_words import check_words
from jepa_retrieval.tasks.searching.stored_clips import Per, check_selection


@dataclass(frozen=True, slots=True)
class Answered:
    """The best answers for a clip, a moment or a file."""

    path: str  # relative to the media root
    start: float | None  # seconds; None for images
    end: float | None
    question: str
    answers: tuple[Scored, ...]  # best first; the asked-for one is always among them
    clip_id: int | None  # the clip, or the longest one in it; None for media outside of an index

    def probability_of(self, answer: str) -> float:
        """The probability of an answer that is among `answers`; 0 if it is not."""
        return next((found.probability for found in self.answers if found.name == answer), 0.0)


@dataclass(frozen=True, slots=True)
class Answers(NotebookView):
    """What was answered: the most probable first if an answer was asked for, else by path and time."""

    question: str
    candidates: tuple[str, ...]
    answer: str | None  # the one that items are ranked by
    model: str
    temperature: float  # of the softmax that gives probabilities
    elapsed_ms: float
    items: tuple[Answered, ...]
    warnings: tuple[str, ...] = ()  # why the answers may mean little, one sentence each

    def first(self, number: int) -> Answers:
        """The same with at most so many items."""
        return replace(self, items=self.items[:number])

    def tiles(self) -> list[Tile]:
        """As a notebook shows it."""
        return [
            Tile(
                item.path,
                item.start,
                item.end,
                item.clip_id,
                tuple(f"{answer.name} {answer.probability:.0%}" for answer in item.answers[:3]),
            )
            for item in self.items
        ]


class AskOptions(TypedDict, total=False):
    """The keywords of `ask`, for those who pass them on."""

    answers: Sequence[str | Candidate] | None
    answer: str | None
    per: Per
    top: int


def ask(
    clip_sets: Sequence[ClipSet],
    model: Model,
    question: str,
    *,
    answers: Sequence[str | Candidate] | None = None,
    answer: str | None = None,
    per: Per = "moment",
    top: int = 5,
) -> Answers:
    """Answer a question about clips, moments or files; no media file is opened.

    Args:
        clip_sets: what is asked about.
        model: the one that the clips were encoded with.
        question: in any words that the model knows.
        answers: the candidates, in the form of `parse_candidates`; None for `default_answers`.
        answer: one of the candidates; items are ranked by its probability.
        per: "clip"; "moment": neighbours with the same answer are one; "file": over all clips of a file, each
            weighted by its duration.
        top: at most so many answers of an item.

    Raises:
        UsageError: an empty question, an answer that is no candidate, a model that takes no questions, an index
            without tokens.
        FilterError: the SQL of a selection is not valid.
    """
    began = time.perf_counter()
    check_selection(per, top)
    if not as_text("question", question).strip(" ?"):
        raise UsageError("the question is empty")
    question = normal_question(question)
    given = default_answers(question, model) if answers is None else answers
    chosen = parse_candidates(given, what="answers")
    if answer is not None and answer not in {candidate.name for candidate in chosen}:
        shown = ", ".join(candidate.name for candidate in chosen[:10])
        more = f" and {len(chosen) - 10} more" if len(chosen) > 10 else ""
        raise UsageError(f"the answer {answer!r} is not among the candidates: {shown}{more}")
    candidates = CandidateSet(chosen, model)
    asks = wants_yes_or_no(question) and sorted(candidates.names) == sorted(YES_NO)
    evidence = StatementEvidence(question, model) if asks else None
    items = []
    for clips in clip_sets:
        intervals, predicted = clips.embeddings(model, query=question)
        scores = candidates.scores(predicted)
        if evidence is not None:
            # The same clips in the same order. In the softmax over cosines / temperature, this adds to the log odds.
            _, captioned = clips.embeddings(model, query=None)
            scores[:, candidates.names.index("yes")] += model.temperature * evidence.log_odds(captioned)
        intervals, scores = clips.pooled(intervals, scores, per)
        items += [
            Answered(
                intervals.paths[row],
                *intervals.time(row),
                question,
                tuple(candidates.ranked(scores[row], temperature=model.temperature, top=top, also=answer)),
                intervals.clip_id(row),
            )
            for row in range(len(intervals))
        ]
    elapsed = (time.perf_counter() - began) * 1000
    ordered = tuple(_ordered(items, answer))
    own = answers is None  # the model knows its own answers
    asked = [question] if own else [question, *(text for found in chosen for text in found.texts)]
    warnings = (*check_words(asked, model).warnings, *(() if items else why_nothing(clip_sets)))
    return Answers(
        question, candidates.names, answer, model.name, model.temperature, elapsed, ordered, warnings
    )


def default_answers(question: str, model: Model) -> tuple[str, ...]:
    """Yes and no for a question that asks for them, else the model's own answer vocabulary.

    Raises:
        UsageError: the model has none.
    """
    if wants_yes_or_no(question):
        return YES_NO
    if not model.answers:
        raise UsageError(f"the model {model.name} has no answers of its own: give some with --answers")
    return model.answers


def _ordered(items: Sequence[Answered], answer: str | None) -> list[Answered]:
    if answer is None:
        return sorted(items, key=lambda item: (item.path, item.start or 0.0))
    return sorted(items, key=lambda item: (-item.probability_of(answer), item.path, item.start or 0.0))
