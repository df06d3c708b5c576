"""Fit the constants that turn a hit's standing out into a confidence.

    python -m benchmarks.fit_confidence [--model nano] [--cache FILE]

Libraries of 30 to 6,000 photographs are drawn from Flickr8k's training split and Caltech-101, each without some
things. Texts: the things' names; a first hit is right if at least two of its five captions, or its Caltech
class, name the thing. Pictures: photographs of Caltech-101 that are not in the library; right is a first hit of
the same class. The logistic regressions go into `jepa_retrieval/tasks/calibration.py` by hand. No dev or test
split is used.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sklearn.linear_model import LogisticRegression

from benchmarks.caption_words import mentions, read_split
from benchmarks.common import print_table, save_result, shared_data
from benchmarks.photographs import encode_photographs, predict
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.calibration import TEXT_CROWD, measure_null, neutral_texts
from jepa_retrieval.tasks.embed_query import EmbeddedQuery
from jepa_retrieval.tasks.query import Term

# Nouns of Flickr8k's training captions.
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
SIZES = (30, 100, 300, 1_000, 3_000, 6_000)
REMOVED = 10  # things that a library lacks on purpose


class Pool(NamedTuple):
    """Photographs to draw libraries from, and what is in them."""

    flickr: np.ndarray  # float32 [n, E]
    named: np.ndarray  # int [things, n]: captions of a photograph that name a thing
    caltech: np.ndarray  # float32 [m, E]
    classes: np.ndarray  # str [m]


def main() -> None:
    """Draw libraries, search them, fit, print."""
    options = _arguments()
    model = load_model(options.model)
    pool = _pool(model, options.cache)
    texts, text_right, sizes = _search_texts(model, pool, options.libraries)
    pictures, picture_right = _search_pictures(pool, options.libraries)
    rows = [["text", *_fit(texts, text_right)], ["picture", *_fit(pictures, picture_right)]]
    print_table(["query", "offset", "slope", "right", "wrong or absent"], rows)
    _print_by_size(texts, text_right, sizes, rows[0])
    print(save_result("fit_confidence", {"model": options.model, "rows": rows}))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--libraries", type=int, default=60)
    parser.add_argument("--cache", type=Path, help="an .npz file that keeps the S_V of all photographs")
    return parser.parse_args()


def _pool(model: Model, cache: Path | None) -> Pool:
    flickr, caltech = shared_data() / "flickr8k", shared_data() / "caltech101" / "images"
    names, captions = read_split(flickr, "train")
    files = sorted(caltech.glob("*/*"))
    if cache is not None and cache.exists():
        stored = np.load(cache)
        tokens = stored["flickr"], stored["caltech"]
    else:
        photographs = [flickr / "images" / f"{name}.webp" for name in names]
        tokens = encode_photographs(model, photographs), encode_photographs(model, files)
        if cache is not None:
            np.savez(cache, flickr=tokens[0].astype(np.float16), caltech=tokens[1].astype(np.float16))
    return Pool(
        predict(model, tokens[0].astype(np.float32)),
        np.stack([mentions(captions, f"{thing} {thing}s") for thing in THINGS]),
        predict(model, tokens[1].astype(np.float32)),
        np.array([file.parent.name for file in files]),
    )


def _search_texts(model: Model, pool: Pool, libraries: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """For each search: how far the first hit stands out, whether it is right, and the library's size."""
    random = np.random.default_rng(0)
    neutral = model.y_encoder.encode(neutral_texts())
    names = sorted(set(pool.classes))
    things = model.y_encoder.encode(THINGS)
    classes = model.y_encoder.encode([name.replace("_", " ").lower() for name in names])
    found: list[tuple[float, bool, int]] = []
    for number in range(libraries):
        size = SIZES[number % len(SIZES)]
        from_caltech = number // len(SIZES) % 2 == 1
        if from_caltech:
            kept = np.flatnonzero(np.isin(pool.classes, random.permutation(names)[: len(names) // 2]))
            chosen = random.permutation(kept)[:size]
            clips, queries = pool.caltech[chosen], classes
            named = 2 * (pool.classes[chosen] == np.array(names)[:, None])
        else:
            gone = random.permutation(len(THINGS))[:REMOVED]
            kept = np.flatnonzero(~(pool.named[gone] > 0).any(axis=0))
            chosen = random.permutation(kept)[:size]
            clips, queries, named = pool.flickr[chosen], things, pool.named[:, chosen]
        null = measure_null(clips, neutral, clips=len(clips))
        by_chance = TEXT_CROWD * math.sqrt(2 * math.log(len(clips)))
        for query, count in zip(queries, named, strict=True):
            best = int(np.argmax(clips @ query))
            if count[best] == 1 or (count.max() == 1):
                continue  # one caption of five names it: neither there nor absent
            embedded = EmbeddedQuery(query, 1.0, [Term("a text")])
            z = float(null.z_scores(embedded, clips[best : best + 1])[0])
            found.append((z - by_chance, bool(count[best] >= 2), size))
    values, right, sizes = zip(*found, strict=True)
    return np.array(values), np.array(right), np.array(sizes)


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


def _fit(values: np.ndarray, right: np.ndarray) -> list[object]:
    """Offset, slope, and how many searches were right and were not."""
    model = LogisticRegression(C=1e4).fit(values[:, None], right)
    return [f"{model.intercept_[0]:.2f}", f"{model.coef_[0, 0]:.2f}", int(right.sum()), int((~right).sum())]


def _print_by_size(values: np.ndarray, right: np.ndarray, sizes: np.ndarray, fit: list[object]) -> None:
    """What one threshold does to libraries of each size."""
    sure = float(str(fit[1])) + float(str(fit[2])) * values > 0
    rows = [
        [size, f"{100 * sure[here & right].mean():.0f}", f"{100 * (~sure[here & ~right]).mean():.0f}"]
        for size in SIZES
        if (here := sizes == size).any()
    ]
    print_table(["photographs", "right kept at 0.5, %", "wrong or absent refused, %"], rows)


if __name__ == "__main__":
    main()
