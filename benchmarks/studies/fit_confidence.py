"""Which constants turn the margin of a first hit over chance into a confidence?

    python -m benchmarks.studies.fit_confidence [--model nano]

Libraries of 30 to 1,000 photographs are drawn from Flickr8k's dev split, each without some things. Queries are the
names of things, in several phrases, and captions. The first hit is right for a name if at least two of its five
captions name the thing, and for a caption if it is the caption's own photograph. Absent captions are those of
photographs that show one of the excluded things. Names and captions have equal weight in the fit, as have right and
wrong hits: neither is more likely a priori. Statements such as "there is a dog" are tested on every photograph of
the dev split. Pictures: photographs of Caltech-101 that are not in the library; right is a first hit of the same
class. The logistic regressions go into `tasks/searching/calibration.py` and `tasks/asking/statements.py` by hand.
Neither the test split nor any video is used; nor, for texts, what the model was trained on: it scores higher there.
"""

from __future__ import annotations

import argparse
import math
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.shared.caption_words import mentions, read_split
from benchmarks.shared.common import print_table, save_result, shared_data
from benchmarks.shared.photographs import encode_photographs, predict
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts
from jepa_retrieval.tasks.searching.calibration import measure_null
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery
from jepa_retrieval.tasks.searching.query import Term

# Nouns of Flickr8k's captions.
_NOUNS = """
dog snow beach bicycle motorcycle skateboard snowboard horse car boat kayak guitar camera tennis soccer
basketball baseball football hockey mountain desert lake river ocean pool waterfall bridge train bus truck
tractor tent wedding baby cat cow sheep bird duck elephant monkey camel fish tree flower field street crowd
stage microphone parade fountain statue playground swing slide trampoline sprinkler umbrella helmet
sunglasses hat bench table chair couch bed kitchen restaurant bar cake pizza ice balloon bubbles frisbee
kite rope ladder graffiti wall window door building church market shop bag book newspaper phone computer
fire smoke night sunset rain mud leaves
"""
THINGS = _NOUNS.split()
PHRASES = ("{}", "a {}", "a photo of a {}", "{} in a video")
SIZES = (30, 100, 300, 1_000)
REMOVED = 10  # things that a library lacks on purpose
CAPTIONS = 60  # searched for in a library, of what it has, and as many of what it has not


class Found(NamedTuple):
    """One search by text: the margin of its first hit, whether it is right, and the size of the library."""

    value: float
    right: bool
    size: int  # photographs in the library
    caption: bool  # else the name of a thing


class Pool(NamedTuple):
    """Photographs to draw libraries from, and what is in them."""

    flickr: np.ndarray  # float32 [n, E]
    named: np.ndarray  # int [things, n]: captions of a photograph that name a thing
    captions: np.ndarray  # float32 [n, E]: one caption of each photograph
    caltech: np.ndarray  # float32 [m, E]
    classes: np.ndarray  # str [m]


def main() -> None:
    """Draw libraries, search them, fit, print."""
    options = _arguments()
    model = load_model(options.model)
    pool = _pool(model)
    texts = _search_texts(model, pool, options.libraries)
    values, right, sizes, captions = (np.array(column) for column in zip(*texts, strict=True))
    weights = np.zeros(len(values))
    for group in (captions & right, captions & ~right, ~captions & right, ~captions & ~right):
        weights[group] = 1 / group.sum()
    pictures, picture_right = _search_pictures(pool, options.libraries)
    text_fit = _fit(values, right, weights)
    rows = [["text", *text_fit], ["picture", *_fit(pictures, picture_right, _even(picture_right))]]
    rows.append(["statement", *_fit(*_statements(model, pool))])
    print_table(["query", "offset", "slope", "right", "wrong or absent"], rows)
    for name, chosen in (("names of things", ~captions), ("captions", captions)):
        _print_by_size(name, values[chosen], right[chosen], sizes[chosen], text_fit)
    print(save_result("fit_confidence", {"model": options.model, "rows": rows}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--libraries", type=int, default=60)
    return parser.parse_args()


def _pool(model: RuntimeModel) -> Pool:
    flickr, caltech = shared_data() / "flickr8k", shared_data() / "caltech101" / "images"
    names, captions = read_split(flickr, "dev")
    files = sorted(caltech.glob("*/*"))
    photographs = [flickr / "images" / f"{name}.webp" for name in names]
    return Pool(
        predict(model, encode_photographs(model, photographs)),
        np.stack([mentions(captions, f"{thing} {thing}s") for thing in THINGS]),
        model.y_encoder.encode([group[number % len(group)] for number, group in enumerate(captions)]),
        predict(model, encode_photographs(model, files)),
        np.array([file.parent.name for file in files]),
    )


def _search_texts(model: Model, pool: Pool, libraries: int) -> list[Found]:
    """Searches by text in libraries of every size."""
    random = np.random.default_rng(0)
    neutral = model.y_encoder.encode(neutral_texts())
    things = [model.y_encoder.encode([phrase.format(thing) for thing in THINGS]) for phrase in PHRASES]
    found: list[Found] = []
    for number in range(libraries):
        size = SIZES[number % len(SIZES)]
        gone = (pool.named[random.permutation(len(THINGS))[:REMOVED]] > 0).any(axis=0)
        chosen = random.permutation(np.flatnonzero(~gone))[:size]
        asked = things[number // len(SIZES) % len(things)]
        found += _names(pool.flickr[chosen], neutral, asked, pool.named[:, chosen], size)
        found += _captions(pool, neutral, chosen, random.permutation(np.flatnonzero(gone))[:CAPTIONS], size)
    return found


def _names(
    clips: np.ndarray, neutral: np.ndarray, queries: np.ndarray, named: np.ndarray, size: int
) -> list[Found]:
    """Search for each name; `named`, int [names, clips], counts the captions that name it."""
    values, best = _first_hits(clips, neutral, queries)
    return [
        Found(value, bool(count[row] >= 2), size, False)
        for value, row, count in zip(values, best, named, strict=True)
        # One caption of five names it: neither there nor absent.
        if count[row] != 1 and count.max() != 1
    ]


def _captions(
    pool: Pool, neutral: np.ndarray, inside: np.ndarray, outside: np.ndarray, size: int
) -> list[Found]:
    """Search for captions of photographs that the library has, and of such whose things it has not."""
    asked = np.concatenate([inside[:CAPTIONS], outside])
    values, best = _first_hits(pool.flickr[inside], neutral, pool.captions[asked])
    return [
        Found(value, bool(inside[row] == photograph), size, True)
        for value, row, photograph in zip(values, best, asked, strict=True)
    ]


def _first_hits(
    clips: np.ndarray, neutral: np.ndarray, queries: np.ndarray
) -> tuple[list[float], np.ndarray]:
    """How far each query's first hit stands out beyond the best by chance, and which clip that is."""
    null = measure_null(clips, neutral, clips=len(clips))
    by_chance = math.sqrt(2 * math.log(len(clips)))
    best = (queries @ clips.T).argmax(axis=1)
    embedded = (EmbeddedQuery(query, 1.0, [Term("a text")]) for query in queries)
    scores = [null.z_scores(query, clips[row][None])[0] for query, row in zip(embedded, best, strict=True)]
    return [float(score) - by_chance for score in scores], best


def _search_pictures(pool: Pool, libraries: int) -> tuple[np.ndarray, np.ndarray]:
    """For each search: the centred cosine of the first hit, and whether it is right."""
    random = np.random.default_rng(1)
    names = np.unique(pool.classes)
    neutral = np.zeros((1, pool.caltech.shape[1]), np.float32)
    found: list[tuple[float, bool]] = []
    for _ in range(libraries // 2):
        gone = random.permutation(names)[:30]
        drawn = random.permutation(len(pool.caltech))[: random.choice([60, 200, 600])]
        inside = drawn[~np.isin(pool.classes[drawn], gone)]
        others = random.permutation(len(pool.flickr))[: random.choice([0, 200, 1_000])]
        clips = np.concatenate([pool.caltech[inside], pool.flickr[others]])
        null = measure_null(clips, neutral, clips=len(clips))
        for number in np.setdiff1d(np.arange(len(pool.caltech)), drawn):
            query = pool.caltech[number]
            best = int(np.argmax(clips @ query))
            right = best < len(inside) and pool.classes[inside[best]] == pool.classes[number]
            found.append((float(null.centred_cosines(query, clips[best : best + 1])[0]), bool(right)))
    values, right = zip(*found, strict=True)
    return np.array(values), np.array(right)


def _statements(model: Model, pool: Pool) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """How far "there is a dog" stands out, whether a dog is there, and a weight by which both are equally many."""
    neutral = pool.flickr @ model.y_encoder.encode(neutral_texts()).T
    told = model.y_encoder.encode([f"there is a {thing}" for thing in THINGS]) @ pool.flickr.T
    z = (told - neutral.mean(axis=1)) / neutral.std(axis=1)
    sure = pool.named != 1
    values, there = z[sure], pool.named[sure] >= 2
    return values, there, _even(there)


def _even(right: np.ndarray) -> np.ndarray:
    """Weights by which right and wrong are equally many."""
    return np.where(right, 1 / right.sum(), 1 / (~right).sum())


def _fit(values: np.ndarray, right: np.ndarray, weights: np.ndarray) -> list[object]:
    """Offset, slope, and how many searches were right and were not."""
    model = LogisticRegression(C=1e4).fit(values[:, None], right, sample_weight=weights / weights.mean())
    return [f"{model.intercept_[0]:.2f}", f"{model.coef_[0, 0]:.2f}", int(right.sum()), int((~right).sum())]


def _print_by_size(
    name: str, values: np.ndarray, right: np.ndarray, sizes: np.ndarray, fit: list[object]
) -> None:
    """What one threshold does to libraries of each size."""
    sure = float(str(fit[0])) + float(str(fit[1])) * values > 0
    rows = [
        [size, f"{100 * sure[here & right].mean():.0f}", f"{100 * (~sure[here & ~right]).mean():.0f}"]
        for size in SIZES
        if (here := sizes == size).any()
    ]
    print_table([f"photographs; {name}", "right kept at 0.5, %", "wrong or absent refused, %"], rows)


if __name__ == "__main__":
    main()
