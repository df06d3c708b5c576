"""Which sequence of clips leads from the first state to the last? Plans, and what does not predict.

    python -m benchmarks.published.planning panda70m-order --data FOLDER [--model nano] [--limit N]

A candidate's score is the mean of its links, cosines of Ŝ_Y: of the first picture and the first clip; of what the
dynamics foresee after each clip and the next; of what they foresee after the last clip and the last picture, as
`jepa plan` has it. Where a candidate is a single clip, inverse dynamics (the paper's protocol of WorldPrediction)
stand beside it. Accuracies are percentages with 95% Wilson intervals.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from benchmarks.datasets.shapes import PlanQuestion, PlanSet
from benchmarks.metrics.intervals import wilson
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.tasks.foreseeing.dynamics import open_dynamics

PLAN, INVERSE = "plan: foreseen states", "inverse dynamics"


def evaluate(data: PlanSet, embedder: Embedder) -> Outcome:
    """Accuracy of each way to choose, and of guessing."""
    questions = data.questions
    clips = list(dict.fromkeys(clip for one in questions for plan in one.candidates for clip in plan))
    pictures = list(dict.fromkeys(clip for one in questions for clip in (one.initial, one.final)))
    seen, readable = embedder.clips([*clips, *pictures])
    foreseen, followed = embedder.foreseen(clips, open_dynamics(embedder.model))
    place = {clip: row for row, clip in enumerate([*clips, *pictures])}
    usable = readable & np.concatenate([followed, np.ones(len(pictures), bool)])
    single = all(len(plan) == 1 for one in questions for plan in one.candidates)
    changes, changed = embedder.states([(one.initial, one.final) for one in questions])
    asked: list[tuple[PlanQuestion, dict[str, np.ndarray]]] = []
    for row, one in enumerate(questions):
        rows = [[place[clip] for clip in plan] for plan in one.candidates]
        ends = place[one.initial], place[one.final]
        if changed[row] and usable[[*ends, *(at for plan in rows for at in plan)]].all():
            scores = _scores(seen, foreseen, rows, ends)
            if single:
                scores[INVERSE] = seen[[plan[0] for plan in rows]] @ changes[row]
            asked.append((one, scores))
    rows_found = {name: _accuracy(asked, name) for name in (asked[0][1] if asked else {})}
    rows_found["guessing"] = {
        "questions": len(asked),
        "accuracy": 100 * float(np.mean([1 / len(one.candidates) for one, _ in asked])) if asked else 0.0,
    }
    counts = {"questions named": data.named, "questions found": len(questions), "questions asked": len(asked)}
    headline = INVERSE if single else PLAN
    value = float(rows_found[headline]["accuracy"]) if asked else 0.0
    return Outcome(rows_found, f"accuracy, {headline}", value, counts, _notes(asked))


def _scores(
    seen: np.ndarray, foreseen: np.ndarray, rows: Sequence[Sequence[int]], ends: tuple[int, int]
) -> dict[str, np.ndarray]:
    """Scores of the candidates, by way."""
    first, last = seen[ends[0]], seen[ends[1]]
    plans, alike, straight, edges = [], [], [], []
    way = last - first
    for plan in rows:
        clips, after = seen[list(plan)], foreseen[list(plan)]
        begins, arrives = float(first @ clips[0]), float(clips[-1] @ last)
        links = (clips[:-1] * clips[1:]).sum(axis=1)
        plans.append(np.mean([begins, *(after[:-1] * clips[1:]).sum(axis=1), float(after[-1] @ last)]))
        alike.append(np.mean([begins, *links, arrives]))
        edges.append((begins + arrives) / 2)
        # How evenly a sequence moves along the straight way from the first state to the last.
        wanted = (np.arange(len(plan)) + 0.5) / len(plan)
        straight.append(-float(np.abs((clips - first) @ way / max(float(way @ way), 1e-6) - wanted).mean()))
    return {
        PLAN: np.array(plans),
        "resemblance of neighbours": np.array(alike),
        "resemblance of the ends": np.array(edges),
        "straight way": np.array(straight),
    }


def _accuracy(asked: Sequence[tuple[PlanQuestion, dict[str, np.ndarray]]], name: str) -> Figures:
    right = np.array([int(scores[name].argmax()) == one.answer for one, scores in asked])
    low, high = wilson(int(right.sum()), len(right))
    figures: dict[str, float] = {
        "questions": len(right),
        "accuracy": 100 * float(right.mean()),
        "from": low,
        "to": high,
    }
    groups = np.array([one.group for one, _ in asked])
    if len(set(groups.tolist())) > 1:
        means = [100 * float(right[groups == group].mean()) for group in sorted(set(groups.tolist()))]
        figures["±"] = float(np.ptp(means)) / 2
    return figures


def _notes(asked: Sequence[tuple[PlanQuestion, dict[str, np.ndarray]]]) -> list[str]:
    notes = ["from, to: 95% interval of the accuracy."]
    if len({one.group for one, _ in asked}) > 1:
        notes.append("±: half the difference of the seeds' highest and lowest accuracy.")
    return notes


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("planning")
