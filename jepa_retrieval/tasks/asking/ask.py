"""Questions: the Predictor runs over stored tokens with the question as X_Q, and the nearest answer is taken.

For a question of yes or no, what the Predictor answers counts together with how well the clip fits the question as a
statement.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from indexes import Index
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.queries import normal_question
from jepa_retrieval.notebook import NotebookView, Tile
from jepa_retrieval.tasks.asking.candidates import Candidate, CandidateSet, Scored, parse_candidates
from jepa_retrieval.tasks.asking.statements import StatementEvidence
from jepa_retrieval.tasks.searching.stored_clips import (
    Per,
    Selection,
    Spans,
    pool,
    predict,
    predicted_embeddings,
    require_queries,
    stored_embeddings,
)

YES_NO = ("yes", "no")
# A question that begins with one of these, and offers no choice, wants yes or no.
_ASKS_YES_NO = {
    "am", "are", "can", "could", "did", "do", "does", "had", "has", "have", "is", "may", "must", "should",
    "was", "were", "will", "would",
}  # fmt: skip


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

    def joined(self, other: Answers) -> Answers:
        """This and another one to the same question as one, in the same order."""
        items = _ordered((*self.items, *other.items), self.answer)
        return replace(self, items=tuple(items), elapsed_ms=self.elapsed_ms + other.elapsed_ms)

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


class Asker:
    """A question with its candidate answers, encoded once."""

    def __init__(
        self,
        question: str,
        model: Model,
        *,
        answers: Sequence[str | Candidate] | None = None,
        answer: str | None = None,
        top: int = 5,
    ) -> None:
        """Encode the candidates; see `ask`."""
        if not question.strip(" ?"):
            raise UsageError("the question is empty")
        self.question = normal_question(question)
        self.model = model
        self.top = top
        candidates = parse_candidates(default_answers(self.question, model) if answers is None else answers)
        if answer is not None and answer not in {candidate.name for candidate in candidates}:
            shown = ", ".join(candidate.name for candidate in candidates[:10])
            more = f" and {len(candidates) - 10} more" if len(candidates) > 10 else ""
            raise UsageError(f"the answer {answer!r} is not among the candidates: {shown}{more}")
        self.answer = answer
        self.candidates = CandidateSet(candidates, model)
        asks = wants_yes_or_no(self.question) and sorted(self.candidates.names) == sorted(YES_NO)
        self._evidence = StatementEvidence(self.question, model) if asks else None

    def over(self, index: Index, *, per: Per = "moment", selection: Selection | None = None) -> Answers:
        """Ask about clips of an index; see `ask`."""
        began = time.perf_counter()
        chosen = selection or Selection()
        spans, predicted = predicted_embeddings(index, self.model, self.question, chosen)
        # The same clips in the same order.
        plain = None if self._evidence is None else stored_embeddings(index, chosen)[1]
        spans, scores = pool(spans, self._scores(predicted, plain), per)
        return self._result(spans, scores, began=began)

    def of(self, spans: Spans, tokens: Sequence[np.ndarray], *, prompt: str) -> Answers:
        """Ask about stretches of media that no index has.

        Args:
            spans: where they are.
            tokens: S_V of each, float [N, D].
            prompt: under which embeddings of clips are predicted.
        """
        began = time.perf_counter()
        require_queries(self.model)
        predicted = predict(tokens, self.question, self.model)
        plain = None if self._evidence is None else predict(tokens, prompt, self.model)
        return self._result(spans, self._scores(predicted, plain), began=began)

    def _scores(self, predicted: np.ndarray, plain: np.ndarray | None) -> np.ndarray:
        """Of each clip for each candidate, [C, K]: cosines; to that of yes, what the statement adds.

        Args:
            predicted: Ŝ_Y under the question.
            plain: Ŝ_Y under the captioning prompt; None if the question has no statement.
        """
        scores = self.candidates.scores(predicted)
        if self._evidence is not None and plain is not None:
            # In the softmax over cosines / temperature, this adds to the log odds.
            added = self.model.temperature * self._evidence.log_odds(plain)
            scores[:, self.candidates.names.index("yes")] += added
        return scores

    def _result(self, spans: Spans, scores: np.ndarray, *, began: float) -> Answers:
        items = [
            Answered(
                spans.paths[row],
                *spans.time(row),
                self.question,
                tuple(
                    self.candidates.ranked(
                        scores[row], temperature=self.model.temperature, top=self.top, also=self.answer
                    )
                ),
                spans.clip_id(row),
            )
            for row in range(len(spans))
        ]
        return Answers(
            self.question,
            self.candidates.names,
            self.answer,
            self.model.name,
            self.model.temperature,
            (time.perf_counter() - began) * 1000,
            tuple(_ordered(items, self.answer)),
        )


def ask(
    index: Index,
    model: Model,
    question: str,
    *,
    answers: Sequence[str | Candidate] | None = None,
    answer: str | None = None,
    per: Per = "moment",
    top: int = 5,
    selection: Selection | None = None,
) -> Answers:
    """Answer a question about clips, moments or files of an index; no media file is opened.

    Args:
        index: where the clips and their tokens are.
        model: the index's own.
        question: in any words that the model knows.
        answers: the candidates, in the form of `parse_candidates`; None for `default_answers`.
        answer: one of the candidates; items are ranked by its probability.
        per: "clip"; "moment": neighbours with the same answer are one; "file": over all clips of a file, each
            weighted by its duration.
        top: most answers of an item.
        selection: which clips; None for all.

    Raises:
        UsageError: an empty question, an answer that is no candidate, a model that takes no questions, an index
            without tokens.
        FilterError: the selection's SQL is not valid.
    """
    began = time.perf_counter()
    asker = Asker(question, model, answers=answers, answer=answer, top=top)
    found = asker.over(index, per=per, selection=selection)
    return replace(found, elapsed_ms=(time.perf_counter() - began) * 1000)


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


def wants_yes_or_no(question: str) -> bool:
    """Whether the first word asks for yes or no, and the question offers no choice ("is it red or blue?")."""
    words = question.lower().split()
    return bool(words) and words[0] in _ASKS_YES_NO and "or" not in words


def _ordered(items: Sequence[Answered], answer: str | None) -> list[Answered]:
    if answer is None:
        return sorted(items, key=lambda item: (item.path, item.start or 0.0))
    return sorted(items, key=lambda item: (-item.probability_of(answer), item.path, item.start or 0.0))
