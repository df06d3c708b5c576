"""Which of the candidate clips shows the action that leads from the first state to the last? Inverse dynamics.

    python -m benchmarks.published.world_prediction worldprediction-wm --data FOLDER [--model nano] [--limit N]

The picture of the first state and that of the last are each repeated to fill half a clip; the candidate whose Ŝ_Y is
nearest to that clip's is the answer (the paper's protocol).
"""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.shapes import StateChangeSet
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder


def evaluate(data: StateChangeSet, embedder: Embedder) -> Outcome:
    """Accuracy, and what guessing would get."""
    changes = data.changes
    states, seen = embedder.states([(change.initial, change.final) for change in changes])
    actions, readable = embedder.clips([clip for change in changes for clip in change.actions])
    right, guessed, start = [], [], 0
    for row, change in enumerate(changes):
        part = slice(start, start + len(change.actions))
        start = part.stop
        if seen[row] and readable[part].all():
            right.append(int((actions[part] @ states[row]).argmax()) == change.answer)
            guessed.append(1 / len(change.actions))
    figures: dict[str, Figures] = {
        "all": {"questions": len(right), "accuracy": 100 * float(np.mean(right)) if right else 0.0},
        "guessing": {"questions": len(right), "accuracy": 100 * float(np.mean(guessed)) if right else 0.0},
    }
    counts = {"questions named": data.named, "questions found": len(changes), "questions asked": len(right)}
    return Outcome(figures, "accuracy", figures["all"]["accuracy"], counts)


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("world-prediction")
