"""Questions of yes or no over photographs: does "Is there a dog?" put the dogs first?

    python -m benchmarks.studies.yes_no [--model nano] [--split test]

The photographs are a split of Flickr8k; a thing is present if two of five captions name it, and absent if none
does. Each of twenty questions ranks the photographs by the probability of yes: from the Predictor alone, from the
question turned into a statement, and from both, as `jepa ask` combines them. Reported are average precision, the
area under the ROC curve, and how often yes and no are right, with equal weight.
"""

from __future__ import annotations

import numpy as np
from sklearn.metrics import average_precision_score, balanced_accuracy_score, roc_auc_score

from benchmarks.shared.arguments import model_and_split
from benchmarks.shared.caption_words import mentions, read_split
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.photographs import encode_photographs, predict
from benchmarks.studies.abstention import THINGS
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.asking.yes_no import YES_NO, StatementEvidence

METHODS = ("Predictor alone", "statement alone", "both, as in jepa ask")
MIN_PHOTOGRAPHS = 4


def main() -> None:
    """Ask, compare with the captions, print means over the questions."""
    options = model_and_split(__doc__)
    model = load_model(options.model)
    folder = shared_data() / "flickr8k"
    names, captions = read_split(folder, options.split)
    tokens = encode_photographs(model, [folder / "images" / f"{name}.webp" for name in names])
    plain = predict(model, tokens)
    yes, no = model.y_encoder.encode(YES_NO)
    figures = []
    for thing, words in THINGS.items():
        count = mentions(captions, words)
        sure, there = count != 1, count >= 2
        if there.sum() < MIN_PHOTOGRAPHS:
            continue
        question = f"Are there {thing}?" if thing.endswith("players") else f"Is there {thing}?"
        answered = predict(model, tokens, [question] * len(tokens)) @ (yes - no) / model.temperature
        told = StatementEvidence(question, model).log_odds(plain)
        figures.append([_figures(odds[sure], there[sure]) for odds in (answered, told, answered + told)])
    means = np.mean(figures, axis=0)
    rows = [
        [method, *(f"{value:.3f}" for value in mean)] for method, mean in zip(METHODS, means, strict=True)
    ]
    print(
        f"{options.model}, Flickr8k {options.split}: {len(figures)} questions of {len(names)} photographs each"
    )
    print_table(["probability of yes", "average precision", "area under ROC", "balanced accuracy"], rows)
    print(save_result("yes_no", {"model": options.model, "split": options.split, "rows": rows}))


def _figures(odds: np.ndarray, there: np.ndarray) -> list[float]:
    return [
        float(average_precision_score(there, odds)),
        float(roc_auc_score(there, odds)),
        float(balanced_accuracy_score(there, odds > 0)),
    ]


if __name__ == "__main__":
    main()
