"""Are two texts with the same meaning nearer to each other than to a third? Hard negatives for the Y-Encoder.

    python -m benchmarks.published.hard_negatives sugarcrepe-pp [--model nano] [--limit N] [--tower]

The average is the unweighted mean over subsets. `--tower` measures the text tower alone, before the model's head:
for nano, MiniLM as it was published.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from benchmarks.datasets.shapes import TripletSet
from benchmarks.metrics import triplet_accuracy
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder

Encode = Callable[[Sequence[str]], np.ndarray]  # texts to float [N, E], unit length


def evaluate(data: TripletSet, embedder: Embedder) -> Outcome:
    """The Y-Encoder."""
    return evaluate_encoder(data, embedder.texts)


def evaluate_tower(data: TripletSet, embedder: Embedder) -> Outcome:
    """The Y-Encoder's text tower without the head that was trained here."""
    from benchmarks.shared.text_tower import tower_encoder

    return evaluate_encoder(data, tower_encoder(embedder.model.name))


def evaluate_encoder(data: TripletSet, encode: Encode) -> Outcome:
    """Accuracy of each subset and their unweighted mean, of any text encoder."""
    rows: dict[str, Figures] = {}
    for subset in dict.fromkeys(triplet.subset for triplet in data.triplets):
        chosen = [triplet for triplet in data.triplets if triplet.subset == subset]
        texts = [[t.first for t in chosen], [t.second for t in chosen], [t.negative for t in chosen]]
        accuracy = triplet_accuracy(*(encode(part) for part in texts))
        rows[subset] = {"triplets": len(chosen), "accuracy": accuracy}
    average = float(np.mean([figures["accuracy"] for figures in rows.values()]))
    rows["average of subsets"] = {"triplets": len(data.triplets), "accuracy": average}
    return Outcome(rows, "accuracy", average, {"triplets": len(data.triplets)})


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("hard-negatives")
