"""Composed queries, such as dog + snow - person, beside the best that one text can do.

    python -m benchmarks.studies.composed_queries [--model nano] [--split test]

Photographs of a Flickr8k split; what is in them is read off their captions: a thing is there if two of five
captions name it, and not there if none does. Queries are all combinations of a who, a where and something that
must not be there (any two of them, or all), as far as at least three photographs fit, and, for what is excluded,
three more fit but for it. Recall@5: how many of the right photographs, at most five, are among the first five.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np

from benchmarks.shared.caption_words import WORDS, mentions, read_split
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.photographs import encode_photographs, predict
from jepa_retrieval.models import load_model
from jepa_retrieval.tasks.searching.embed_query import join_texts, soften
from jepa_retrieval.tasks.searching.query import Query, compose

WHO = ("dog", "person", "child", "woman", "man")
WHERE = ("snow", "water", "beach", "grass", "ball", "bicycle", "street", "mountain", "skateboard")
PEOPLE = ("child", "woman", "man")
FEWEST = 3
TOP = 5

Encode = Callable[[str], np.ndarray]


class Made(NamedTuple):
    """One query: this, perhaps that too, and perhaps not a third thing."""

    one: str
    two: str | None
    without: str | None
    right: np.ndarray  # bool [photographs]


def main() -> None:
    """Make the queries, search in each way, print recall."""
    options = _arguments()
    model = load_model(options.model)
    folder = shared_data() / "flickr8k"
    names, captions = read_split(folder, options.split)
    images = predict(model, encode_photographs(model, [folder / "images" / f"{n}.webp" for n in names]))
    queries = made_queries(captions)
    known: dict[str, np.ndarray] = {}

    def encode(text: str) -> np.ndarray:
        if text not in known:
            known[text] = model.y_encoder.encode([text])[0]
        return known[text]

    recalls = {
        name: np.array([way(images, made, encode) for made in queries]) for name, way in _ways().items()
    }
    kinds = np.array([(made.two is not None, made.without is not None) for made in queries])
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


def made_queries(captions: Sequence[Sequence[str]]) -> list[Made]:
    """All combinations that enough photographs answer."""
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
                matters = without is None or (both & ~absent).sum() >= FEWEST
                if matters and (both & absent).sum() >= FEWEST:
                    found.append(Made(one, two, without, both & absent))
    return found


def _ways() -> dict[str, Callable[[np.ndarray, Made, Encode], float]]:
    """Ways to look for a made query."""

    def text(template: str, with_minus: str = "") -> Callable[[np.ndarray, Made, Encode], float]:
        def way(images: np.ndarray, made: Made, encode: Encode) -> float:
            tail = with_minus.format(made.without) if made.without else ""
            words = made.one if made.two is None else template.format(made.one, made.two)
            return _recall(images @ encode(words + tail), made.right)

        return way

    def best_single(images: np.ndarray, made: Made, encode: Encode) -> float:
        words = [word for word in (made.one, made.two) if word]
        return max(_recall(images @ encode(word), made.right) for word in words)

    def composed(images: np.ndarray, made: Made, encode: Encode) -> float:
        query = Query.text(made.one)
        if made.two is not None:
            query = query + made.two
        if made.without is not None:
            query = query - made.without
        terms = soften(join_texts(query.terms))
        vectors = np.stack([encode(str(term.source)) for term in terms])
        vector, _ = compose(vectors, [term.weight for term in terms])
        return _recall(images @ vector, made.right)

    def plain_sum(images: np.ndarray, made: Made, encode: Encode) -> float:
        total = encode(made.one)
        if made.two:
            total = total + encode(made.two)
        if made.without:
            total = total - encode(made.without)
        return _recall(images @ total, made.right)

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


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    return parser.parse_args()


if __name__ == "__main__":
    main()
