"""How long do questions and classifications over a whole index take, in one process?

    python -m benchmarks.speed.ask_speed [--clips 1000] [--labels 400]

The clips are synthetic, with tokens of the model's real size. `ask` runs the Predictor over all of them. For
`classify` the labels are new in every run, so that their encoding counts; a list of labels that was used before is
read from the cache, which is timed as well.
"""

from __future__ import annotations

import argparse
import random
import tempfile
from collections.abc import Callable

import numpy as np

from benchmarks.shared.common import print_table, save_result, timed
from benchmarks.shared.synthetic_index import fill_index
from jepa_retrieval.library import Library

QUESTIONS = ("Is there a dog?", "What is the man doing?", "How many people are there?", "Where is this?")
ADJECTIVES = ("red", "small", "old", "wooden", "wet", "tall", "young", "broken", "white", "fast")
NOUNS = (
    "dog",
    "table",
    "car",
    "tree",
    "boat",
    "player",
    "street",
    "bottle",
    "horse",
    "window",
    "cook",
    "mountain",
)
ACTIONS = ("standing", "moving", "in the snow", "near a house", "at night", "in a kitchen", "on a field")


def main() -> None:
    """Time all of it after one run to warm up, print medians."""
    options = _arguments()
    with tempfile.TemporaryDirectory() as folder:
        library = Library.create(folder, model=options.model)
        fill_index(library, clips=options.clips, tokens=True)
        library.records.warm_up()
        labels = _label_lists(options.runs + 2, options.labels)
        library.classify(labels[-1])
        library.ask(QUESTIONS[0])
        rows = [
            _row("ask, yes or no", lambda run: library.ask(f"Is there a {NOUNS[run]}?"), options.runs),
            _row(
                "ask, the model's own answers", lambda run: library.ask(QUESTIONS[run % 3 + 1]), options.runs
            ),
            _row(
                f"classify, {options.labels} new labels",
                lambda run: library.classify(labels[run]),
                options.runs,
            ),
            _row(
                f"classify, {options.labels} new labels, one template",
                lambda run: library.classify(labels[run], templates=["a video of {}"]),
                options.runs,
            ),
            _row(
                f"classify, {options.labels} known labels",
                lambda run: library.classify(labels[-1]),
                options.runs,
            ),
        ]
    print_table([f"{options.clips:,} clips", "median s", "worst s", "runs"], rows)
    print(save_result("ask_speed", {"model": options.model, "clips": options.clips, "rows": rows}))


def _label_lists(count: int, size: int) -> list[list[str]]:
    """Lists of different labels, none in two lists."""
    phrases = [f"{a} {n} {where}" for a in ADJECTIVES for n in NOUNS for where in ACTIONS]
    numbered = [
        f"{phrase} {number}" for number in range(-(-count * size // len(phrases))) for phrase in phrases
    ]
    random.Random(0).shuffle(numbered)
    return [numbered[row * size : (row + 1) * size] for row in range(count)]


def _row(name: str, work: Callable[[int], object], runs: int) -> list[object]:
    seconds = []
    for run in range(runs):
        with timed() as timer:
            work(run)
        seconds.append(timer.seconds)
    return [name, f"{np.median(seconds):.2f}", f"{max(seconds):.2f}", runs]


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--clips", type=int, default=1_000)
    parser.add_argument("--labels", type=int, default=400)
    parser.add_argument("--runs", type=int, default=5)
    return parser.parse_args()


if __name__ == "__main__":
    main()
