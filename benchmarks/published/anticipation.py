"""Which action comes next? The embedding of what is seen before an action begins, ranked against all actions' texts.

    python -m benchmarks.published.anticipation epic100-anticipation --data FOLDER [--model nano] [--limit N]
    python -m benchmarks.published.anticipation natural-videos --data FOLDER [--model nano]

Recall@5 of the actions, and its mean over classes, as EPIC-KITCHENS' challenge has it; for each horizon. The second
is without labels: see `foreseen_windows`.
"""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.shapes import AnticipationSet, FutureSet
from benchmarks.metrics import class_mean_recall_at, top_k_accuracy
from benchmarks.published.classification import class_embeddings
from benchmarks.published.foreseen_windows import evaluate_windows
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder

QUERY = "What will happen next?"
TOP = 5


def evaluate(data: AnticipationSet | FutureSet, embedder: Embedder) -> Outcome:
    """Recall for each horizon; the headline is that of the nearest."""
    if isinstance(data, FutureSet):
        return evaluate_windows(data, embedder)
    clips = [future.context for future in data.futures]
    predicted, readable = embedder.clips(clips, [QUERY] * len(clips))
    classes = class_embeddings(data.classes, ("{}",), embedder)
    labels = np.array([future.label for future in data.futures])
    rows: dict[str, Figures] = {}
    for horizon in dict.fromkeys(future.horizon for future in data.futures):
        of_it = np.array([future.horizon == horizon for future in data.futures]) & readable
        if of_it.any():
            scores = predicted[of_it] @ classes.T
            rows[horizon] = {
                "actions": int(of_it.sum()),
                "top-1": top_k_accuracy(scores, labels[of_it], 1),
                f"recall@{TOP}": top_k_accuracy(scores, labels[of_it], TOP),
                f"recall@{TOP}, mean of classes": class_mean_recall_at(scores, labels[of_it], TOP),
            }
    counts = {
        "actions named": data.named,
        "actions found": len(data.futures),
        "actions read": int(readable.sum()),
        "classes": len(data.classes),
    }
    metric = "top-1" if list(rows) == ["next step"] else f"recall@{TOP}, mean of classes"
    return Outcome(rows, metric, next(iter(rows.values()))[metric], counts)


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("anticipation")
