"""How often is the label text nearest to a clip's Ŝ_Y the right one? Open-vocabulary classification.

    python -m benchmarks.published.classification imagenet-samples [--model nano] [--data FOLDER] [--limit N]

Ŝ_Y is predicted with the captioning prompt; a class is the mean of its label in the data set's templates. For nano,
ImageNet is not zero-shot in the strict sense: its X-Encoder was trained on ImageNet's labels.
"""

from __future__ import annotations

import numpy as np

from benchmarks.datasets.shapes import ClassificationSet
from benchmarks.metrics import class_mean_recall_at, top_k_accuracy
from benchmarks.published.outcome import Figures, Outcome
from benchmarks.shared.embedder import Embedder, unit


def evaluate(data: ClassificationSet, embedder: Embedder) -> Outcome:
    """Top-1, top-5 and the mean over classes of top-1, of all clips and of the subsets."""
    clips, readable = embedder.clips(data.clips)
    labels = np.array(data.labels)
    scores = clips @ class_embeddings(data.classes, data.templates, embedder).T
    chosen = {"all": np.flatnonzero(readable)} | {
        name: np.array([row for row in sorted(rows) if readable[row]], dtype=int)
        for name, rows in data.subsets.items()
    }
    rows = {name: _figures(scores[part], labels[part]) for name, part in chosen.items() if len(part)}
    counts = {
        "clips named": data.named,
        "clips found": len(data.clips),
        "clips read": int(readable.sum()),
        "classes": len(data.classes),
        "templates": len(data.templates),
    }
    return Outcome(rows, "top-1", rows["all"]["top-1"], counts)


def class_embeddings(classes: tuple[str, ...], templates: tuple[str, ...], embedder: Embedder) -> np.ndarray:
    """The mean over the templates of each class's S_Y, float32 [C, E], unit length."""
    total = np.zeros((len(classes), embedder.model.embedding_size), dtype=np.float32)
    for template in templates:
        total += embedder.texts([template.replace("{}", name) for name in classes])
    return unit(total)


def _figures(scores: np.ndarray, labels: np.ndarray) -> Figures:
    return {
        "clips": len(scores),
        "top-1": top_k_accuracy(scores, labels, 1),
        "top-5": top_k_accuracy(scores, labels, 5),
        "top-1, mean of classes": class_mean_recall_at(scores, labels, 1),
    }


if __name__ == "__main__":
    from benchmarks.published.script import main

    main("classification")
