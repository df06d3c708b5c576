"""8-way category accuracy on the 132 Panda-70M samples, zero-shot, through `Library.classify`.

    python -m benchmarks.studies.panda70m_categories [--model nano] [--index DIR]

The label texts below were written once, from the eight names alone, before anything was measured with them, and have
not been changed since. The probability of a category is the sum over its texts; the names alone are measured too.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchmarks.shared.common import print_table, save_result
from benchmarks.shared.panda70m import panda70m_library, panda70m_rows
from jepa_retrieval.library import Library
from jepa_retrieval.tasks.asking.candidates import Candidate
from jepa_retrieval.tasks.asking.evaluation import Evaluation, evaluate

TEXTS = {
    "Animal": ("an animal", "a dog", "a cat", "a bird", "a fish", "a wild animal"),
    "Food": ("food", "a meal on a plate", "a person cooking", "fruit and vegetables", "a dessert"),
    "Gaming and 3D Rendering": (
        "a video game",
        "a computer animation",
        "a 3D rendering",
        "a cartoon character",
    ),
    "News and TV Shows": (
        "a news broadcast",
        "a television show",
        "a presenter in a studio",
        "people talking in an interview",
    ),
    "Scenery": ("a landscape", "mountains", "the sea and a beach", "a forest", "a city seen from above"),
    "Sports Activity": (
        "people doing sports",
        "a ball game",
        "a player on a field",
        "a person running",
        "a person skiing",
    ),
    "Tutorial and Narrative": (
        "a tutorial",
        "a person showing how to do something",
        "hands making something",
        "a person explaining something",
    ),
    "Vehicle": ("a vehicle", "a car", "a motorcycle", "a truck", "a train", "an airplane", "a boat"),
}


def main() -> None:
    """Classify every clip with both kinds of labels, print accuracy and figures per class."""
    options = _arguments()
    truth = {row["file"]: row["category"] for row in panda70m_rows()}
    with panda70m_library(options.model, options.index) as library:
        named = _measure(library, [Candidate(name, (name,)) for name in TEXTS], truth)
        told = _measure(library, [Candidate(name, texts) for name, texts in TEXTS.items()], truth)
    print(f"{options.model}: {told.items} clips, 8 categories")
    print_table(
        ["labels", "accuracy %"],
        [["names alone", f"{100 * named.accuracy:.1f}"], ["texts", f"{100 * told.accuracy:.1f}"]],
    )
    print_table(
        ["category", "clips", "precision", "recall"],
        [[row.label, row.number, f"{row.precision:.2f}", f"{row.recall:.2f}"] for row in told.classes],
    )
    figures = {"accuracy, names alone": named.accuracy, "accuracy, texts": told.accuracy}
    result = {"model": options.model, **figures, "confusion": told.confusion, "labels": told.labels}
    print(save_result("panda70m_categories", result))


def _measure(library: Library, labels: list[Candidate], truth: dict[str, str]) -> Evaluation:
    return evaluate(library.classify(labels, per="file", top=len(labels)), truth)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--index", type=Path, help="folder of the index; it is kept there")
    return parser.parse_args()


if __name__ == "__main__":
    main()
