"""How often do decoded sentences name things that are not there, and how good are they otherwise?

    python -m benchmarks.studies.hallucination [--model nano] [--sets flickr8k panda70m imagenet-samples] [--fit]

The sentences of `jepa watch` and `jepa index --captions` beside what the network generates by itself, greedily and
with five beams. Flickr8k and Panda-70M: CHAIR (metrics/hallucination.py) and CIDEr-D times 100 by the references of
the same set. Panda-70M has one reference a clip, so that much of what is right is counted as wrong there. ImageNet
samples: the share of sentences that name the class or something that it is a kind of. WordNet 3.0 is needed
(shared/wordnet.py).

`--fit` fits the probabilities of `jepa_retrieval/models/word_support.py` on Flickr8k dev instead, and prints them.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.datasets import flickr8k, imagenet_samples, panda70m
from benchmarks.datasets.shapes import Clip
from benchmarks.metrics.hallucination import Things, chair
from benchmarks.shared.cider import Cider
from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.wordnet import Synset, WordNet
from jepa_retrieval.models import load_model
from jepa_retrieval.models.registry import weights_folder
from jepa_retrieval.models.runtime.decoding import GraphYDecoder
from jepa_retrieval.models.word_support import EASING, WordTable, content_words
from jepa_retrieval.models.y_decoder_files import read_memory

SETS = ("flickr8k", "panda70m", "imagenet-samples")
TIMED = 50  # sentences, one by one
COLUMNS = [
    "set",
    "sentences",
    "things named",
    "without support %",
    "sentences with one %",
    "CIDEr",
    "class named %",
    "ms",
]


class Pictures(NamedTuple):
    """What is described, and by what it is judged."""

    clips: Sequence[Clip]
    references: Sequence[Sequence[str]]  # captions of each; empty without any
    classes: Sequence[int]  # numbers of WordNet's meanings; empty without any


def main() -> None:
    """Describe all sets, print one table; or fit."""
    options = _arguments()
    model = load_model(options.model)
    decoder = model.y_decoder
    if not isinstance(decoder, GraphYDecoder):
        raise SystemExit(f"{options.model} has no Y-Decoder")
    wordnet = WordNet.find()
    things, embedder = Things(wordnet), Embedder(model)
    if options.fit:
        pictures = read_set("flickr8k", split="dev")
        predicted, _ = embedder.clips(pictures.clips)
        fit(decoder, predicted, pictures.references, things, options.model)
        return
    rows: list[list[object]] = []
    for name in options.sets:
        pictures = read_set(name)
        predicted, _ = embedder.clips(pictures.clips)
        decoders = {
            "network, greedy": lambda asked: decoder.generate(asked),
            "network, 5 beams": lambda asked: decoder.generate(asked, beams=5),
            "as jepa says it": decoder.decode,
        }
        for title, decode in decoders.items():
            texts = [sentence.text for sentence in decode(predicted)]
            with timed() as timer:
                for row in predicted[:TIMED]:
                    decode(row[np.newaxis])
            milliseconds = timer.seconds / len(predicted[:TIMED]) * 1000
            rows.append([name, title, *judged(texts, pictures, things, wordnet), f"{milliseconds:.0f}"])
    embedder.close()
    print_table(COLUMNS, rows)
    print(save_result("hallucination", {"model": options.model, "columns": COLUMNS, "rows": rows}))


def read_set(name: str, *, split: str = "test") -> Pictures:
    """A set of `SETS`; `split` is Flickr8k's."""
    data = shared_data()
    if name == "flickr8k":
        folder = data / "flickr8k"
        rows = flickr8k.parse(folder / "Flickr8k.token.txt", folder / f"Flickr_8k.{split}Images.txt")
        clips = [Clip(folder / "images" / f"{Path(row.name).stem}.webp") for row in rows]
        return Pictures(clips, [row.captions for row in rows], ())
    if name == "panda70m":
        retrieval = panda70m.load(data / "videos" / "panda70m")
        references: list[list[str]] = [[] for _ in retrieval.clips]
        for caption, owner in zip(retrieval.captions, retrieval.owners, strict=True):
            references[owner].append(caption)
        return Pictures(retrieval.clips, references, ())
    samples = imagenet_samples.load(data / "imagenet1k-samples").clips
    return Pictures(samples, (), [int(clip.path.name.split("_")[0][1:]) for clip in samples])


def judged(texts: Sequence[str], pictures: Pictures, things: Things[Synset], wordnet: WordNet) -> list[str]:
    """Cells of the table for one decoder on one set."""
    if pictures.classes:
        named = [
            things.names_kind(text, wordnet.synset(number))
            for text, number in zip(texts, pictures.classes, strict=True)
        ]
        return ["", "", "", "", f"{100 * np.mean(named):.1f}"]
    found = chair(things, texts, pictures.references)
    cider = Cider(pictures.references).scores(texts, pictures.references).mean()
    shares = f"{100 * found.unsupported:.1f}", f"{100 * found.sentences:.1f}"
    return [f"{found.things / len(texts):.2f}", *shares, f"{cider:.1f}", ""]


def fit(
    decoder: GraphYDecoder,
    predicted: np.ndarray,
    references: Sequence[Sequence[str]],
    things: Things[Synset],
    name: str,
) -> None:
    """Fit how likely a thing that the network names is right, given its support; print the coefficients.

    A logistic regression on log(support + `EASING`) over the things that greedy sentences name.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    folder = weights_folder(name)
    memory = None if folder is None else read_memory(folder)
    if memory is None or memory.words is None:
        raise SystemExit(f"the Y-Decoder of {name} has no memory of words")
    supports, right = [], []
    for sentence, embedding, captions in zip(decoder.generate(predicted), predicted, references, strict=True):
        support = memory.words.support(memory.points @ embedding)
        wrong = things.unsupported(sentence.text, captions)
        for thing in things.named(sentence.text):
            supports.append(_support(thing, memory.words, support))
            right.append(thing not in wrong)
    logs = np.log(np.array(supports) + EASING)[:, np.newaxis]
    found = LogisticRegression(C=1e6).fit(logs, right)
    print(
        f"{len(right)} things, {100 * np.mean(right):.1f}% right, AUC {roc_auc_score(right, logs[:, 0]):.3f}"
    )
    print(f"INTERCEPT, SLOPE = {found.intercept_[0]:.2f}, {found.coef_[0, 0]:.2f}")


def _support(thing: str, table: WordTable, support: np.ndarray) -> float:
    numbers = [table.numbers.get(word) for word in content_words(thing)]
    return min((0.0 if number is None else float(support[number]) for number in numbers), default=0.0)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--sets", nargs="+", choices=SETS, default=SETS)
    parser.add_argument("--fit", action="store_true", help="fit the probabilities of words on Flickr8k dev")
    return parser.parse_args()


if __name__ == "__main__":
    main()
