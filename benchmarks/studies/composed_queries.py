"""Composed queries, such as dog + snow - person, compared with the best single text.

    python -m benchmarks.studies.composed_queries [--model nano] [--split test]

The photographs are a split of Flickr8k. Their content is taken from their captions: a thing is present if two of five
captions name it, and absent if none does. Queries combine a subject, a place and something to exclude (two of these,
or all three), if at least three photographs match, and at least three more would match but for what is excluded.
Recall@5 is the share of the matching photographs, at most five, among the first five results.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.shared.arguments import model_and_split
from benchmarks.shared.caption_words import WORDS, mentions, read_split
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.photographs import encode_photographs, predict
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.searching.embed_query import join_texts, soften
from jepa_retrieval.tasks.searching.query import Query, compose

WHO = ("dog", "person", "child", "woman", "man")
WHERE = ("snow", "water", "beach", "grass", "ball", "bicycle", "street", "mountain", "skateboard")
PEOPLE = ("child", "woman", "man")
MIN_PHOTOGRAPHS = 3
TOP = 5

Encode = Callable[[str], np.ndarray]


class Composition(NamedTuple):
    """One query: a thing, optionally a second one, and optionally one to exclude."""

    one: str
    two: str | None
    without: str | None
    right: np.ndarray  # bool [photographs]


def main() -> None:
    """Make the queries, search with each method, print recall."""
    options = model_and_split(__doc__)
    model = load_model(options.model)
    folder = shared_data() / "flickr8k"
    names, captions = read_split(folder, options.split)
    images = predict(model, encode_photographs(model, [folder / "images" / f"{n}.webp" for n in names]))
    queries = compositions(captions)
    known: dict[str, np.ndarray] = {}

    def encode(text: str) -> np.ndarray:
        if text not in known:
            known[text] = model.y_encoder.encode([text])[0]
        return known[text]

    recalls = {
        name: np.array([method(images, query, encode) for query in queries])
        for name, method in _methods().items()
    }
    kinds = np.array([(query.two is not None, query.without is not None) for query in queries])
    columns = {
        "all": np.ones(len(queries), bool),
        "a + b": (kinds == (True, False)).all(axis=1),
        "a - c": (kinds == (False, True)).all(axis=1),
        "a + b - c": (kinds == (True, True)).all(axis=1),
    }
    rows = [
        [name, *(f"{100 * values[chosen].mean():.1f}" for chosen in columns.values())]
        for name, values in recalls.items()
    ]
    print(f"{options.model}, Flickr8k {options.split}: {len(queries)} queries, {len(names)} photographs")
    print_table(["recall@5", *(f"{name} ({sum(chosen)})" for name, chosen in columns.items())], rows)
    figures: dict[str, object] = {
        f"{name}, {column}": 100 * float(values[chosen].mean())
        for name, values in recalls.items()
        for column, chosen in columns.items()
    }
    print(save_result("composed_queries", {"model": options.model, "split": options.split, **figures}))


def compositions(captions: Sequence[Sequence[str]]) -> list[Composition]:
    """All combinations that enough photographs match."""
    counts = {name: mentions(captions, words) for name, words in WORDS.items()}
    found = []
    for one in WHO:
        for two in (None, *WHERE):
            both = (counts[one] >= 2) & (two is None or counts[two] >= 2)
            for without in (None, *WHO, *WHERE):
                if (
                    without in (one, two)
                    or (two is None and without is None)
                    or (without == "person" and one in PEOPLE)
                ):
                    continue
                absent = np.ones_like(both) if without is None else counts[without] == 0
                matters = without is None or (both & ~absent).sum() >= MIN_PHOTOGRAPHS
                if matters and (both & absent).sum() >= MIN_PHOTOGRAPHS:
                    found.append(Composition(one, two, without, both & absent))
    return found


def _methods() -> dict[str, Callable[[np.ndarray, Composition, Encode], float]]:
    """Methods of searching for a composition."""

    def text(template: str, with_minus: str = "") -> Callable[[np.ndarray, Composition, Encode], float]:
        def method(images: np.ndarray, query: Composition, encode: Encode) -> float:
            tail = with_minus.format(query.without) if query.without else ""
            words = query.one if query.two is None else template.format(query.one, query.two)
            return _recall(images @ encode(words + tail), query.right)

        return method

    def best_single(images: np.ndarray, query: Composition, encode: Encode) -> float:
        words = [word for word in (query.one, query.two) if word]
        return max(_recall(images @ encode(word), query.right) for word in words)

    def composed(images: np.ndarray, query: Composition, encode: Encode) -> float:
        composition = Query.text(query.one)
        if query.two is not None:
            composition = composition + query.two
        if query.without is not None:
            composition = composition - query.without
        terms = soften(join_texts(composition.terms))
        vectors = np.stack([encode(str(term.source)) for term in terms])
        vector, _ = compose(vectors, [term.weight for term in terms])
        return _recall(images @ vector, query.right)

    def plain_sum(images: np.ndarray, query: Composition, encode: Encode) -> float:
        total = encode(query.one)
        if query.two:
            total = total + encode(query.two)
        if query.without:
            total = total - encode(query.without)
        return _recall(images @ total, query.right)

    return {
        "the better of the two words, with hindsight": best_single,
        'one text, "dog and snow"': text("{} and {}"),
        'one text, "dog and snow without person"': text("{} and {}", " without {}"),
        'one text, "dog and snow, no person"': text("{} and {}", ", no {}"),
        "sum of three vectors": plain_sum,
        "composed: dog + snow - person": composed,
    }


def _recall(scores: np.ndarray, right: np.ndarray) -> float:
    top = np.argsort(-scores)[:TOP]
    return float(right[top].sum() / min(TOP, right.sum()))


if __name__ == "__main__":
    main()
