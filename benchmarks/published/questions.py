"""How often is the candidate nearest to Ŝ_Y of a question its answer? Visual question answering.

    python -m benchmarks.published.questions daquar [--model nano] [--data FOLDER] [--limit N]

For comparison: the commonest answer of the training part, the commonest for the question's type, and the same model
with a grey picture. Scoring is that of the data set: equal text, VQA's soft
accuracy, or POPE's figures, whose headline is the mean over its settings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

import numpy as np

from benchmarks.datasets.shapes import Question, QuestionSet
from benchmarks.metrics import vqa_accuracy, yes_no_figures
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.models.queries import normal_question


def evaluate(data: QuestionSet, embedder: Embedder) -> Outcome:
    """Accuracy of all questions and of each kind, with the picture and without."""
    queries = [normal_question(question.text) for question in data.questions]
    seen, readable = embedder.clips([data.clips[question.clip] for question in data.questions], queries)
    asked = [question for question, could in zip(data.questions, readable, strict=True) if could]
    candidates = embedder.texts(data.candidates)

    def nearest(predicted: np.ndarray) -> list[str]:
        return [data.candidates[row] for row in (predicted @ candidates.T).argmax(axis=1)]

    given = nearest(seen[readable])
    blind = nearest(embedder.grey([query for query, could in zip(queries, readable, strict=True) if could]))
    rows: dict[str, Figures] = {"all": _figures(given, asked, data)}
    for kind in dict.fromkeys(question.kind for question in asked):
        rows[kind] = _figures(*_of_kind(given, asked, kind), data)
    if len(rows) == 2:  # a single kind equals the whole
        rows.popitem()
    rows["grey picture"] = _figures(blind, asked, data)
    if data.known:
        rows |= _guesses(asked, data)
    if data.scoring == "exact":
        rows |= _yes_no(given, asked)
    value = rows["all"]["accuracy"]
    if data.scoring == "yes/no":
        value = float(np.mean([rows[kind]["accuracy"] for kind in dict.fromkeys(q.kind for q in asked)]))
    counts = {
        "questions named": data.named,
        "questions with a picture": len(data.questions),
        "questions asked": len(asked),
        "pictures": len({question.clip for question in asked}),
        "candidates": len(data.candidates),
    }
    return Outcome(rows, "accuracy", value, counts, [data.note] if data.note else [])


def _figures(given: Sequence[str], asked: Sequence[Question], data: QuestionSet) -> Figures:
    """Accuracy in percent; for yes/no questions, POPE's other figures too."""
    if data.scoring == "yes/no":
        return {"questions": len(asked), **yes_no_figures(given, [q.answers[0] for q in asked])}
    scores = [
        vqa_accuracy(answer, question.answers) if data.scoring == "vqa" else float(answer in question.answers)
        for answer, question in zip(given, asked, strict=True)
    ]
    return {"questions": len(asked), "accuracy": 100 * float(np.mean(scores))}


def _of_kind(given: Sequence[str], asked: Sequence[Question], kind: str) -> tuple[list[str], list[Question]]:
    rows = [row for row, question in enumerate(asked) if question.kind == kind]
    return [given[row] for row in rows], [asked[row] for row in rows]


def _yes_no(given: Sequence[str], asked: Sequence[Question]) -> dict[str, Figures]:
    """POPE's figures of the questions whose answer is yes or no, whatever else could have been said."""
    rows = [row for row, question in enumerate(asked) if question.answers[0] in ("yes", "no")]
    if not rows:
        return {}
    figures = yes_no_figures([given[row] for row in rows], [asked[row].answers[0] for row in rows])
    return {"answers yes and no": {"questions": len(rows), **figures}}


def _guesses(asked: Sequence[Question], data: QuestionSet) -> dict[str, Figures]:
    """Accuracy of always giving the commonest answer of the training part."""
    commonest = _commonest([answer for _, answer in data.known])
    guesses = {"commonest answer": _figures([commonest] * len(asked), asked, data)}
    kinds = {question.kind for question in asked}
    if len(kinds) > 1:
        of_kind = {
            kind: _commonest([answer for known, answer in data.known if known == kind] or [commonest])
            for kind in kinds
        }
        guesses["commonest of its type"] = _figures([of_kind[q.kind] for q in asked], asked, data)
    return guesses


def _commonest(answers: Sequence[str]) -> str:
    return Counter(answers).most_common(1)[0][0]


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("questions")
