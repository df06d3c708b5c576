"""How good are captions decoded from predicted embeddings? Flickr8k's test photographs, both decoders.

    python -m benchmarks.published.captioning [--model nano] [--split test] [--beams 1 3 5] [--temperatures 0 0.04]

The bank of the retrieval decoder is the 30,000 captions of the training photographs. CIDEr is CIDEr-D times 100, its
corpus the five references of every photograph of the split. `--truth` decodes the mean of each photograph's true
captions instead: the limit that a better Predictor could reach.

`jepa bench captioning DATASET` scores the Y-Decoder on other sets, videos among them: see `evaluate`.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.datasets import flickr8k
from benchmarks.datasets.shapes import Clip, RetrievalSet
from benchmarks.published.outcome import Outcome
from benchmarks.shared.cider import Cider
from benchmarks.shared.common import print_table, save_result, shared_data, timed
from benchmarks.shared.embedder import Embedder
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.parts import Model, Sentence
from jepa_retrieval.models.retrieval_decoder import CaptionBank, RetrievalDecoder
from jepa_retrieval.models.runtime.decoding import GraphYDecoder

TIMED = 100  # sentences, one by one
Decode = Callable[[np.ndarray], list[Sentence]]


def evaluate(data: RetrievalSet, embedder: Embedder) -> Outcome:
    """CIDEr-D times 100 of one sentence a clip, all captions of the clips that were read being the corpus.

    Raises:
        UsageError: the model has no Y-Decoder, or there are fewer than two clips.
    """
    decoder = embedder.model.y_decoder
    if decoder is None:
        raise UsageError(f"{embedder.model.name} has no Y-Decoder: it cannot say what it sees")
    predicted, readable = embedder.clips(data.clips)
    references: list[list[str]] = [[] for _ in data.clips]
    for caption, owner in zip(data.captions, data.owners, strict=True):
        references[owner].append(caption)
    known = [group for group, could in zip(references, readable, strict=True) if could]
    if len(known) < 2:
        raise UsageError(
            f"{data.title}: CIDEr needs the captions of at least two clips, here is {len(known)}"
        )
    scores = _scores(decoder.decode(predicted[readable]), known, Cider(known))
    counts = {"clips named": data.named, "clips found": len(data.clips), "clips read": len(known)}
    return Outcome(
        {"Y-Decoder": {"clips": len(known), **scores}},
        "CIDEr",
        scores["CIDEr"],
        {**counts, "captions": sum(map(len, known))},
    )


def main() -> None:
    """Decode every photograph with every setting, print the scores."""
    options = _arguments()
    model = load_model(options.model)
    names, references = _read(options.split)
    asked = _true_means(model, references) if options.truth else _predicted(model, names)
    cider = Cider(references)
    rows, results = [], {}
    for name, decode in _decoders(model, options).items():
        decode(asked[:1])  # the first use compiles the graphs
        sentences = decode(asked)
        with timed() as timer:
            for row in asked[:TIMED]:
                decode(row[np.newaxis])
        result = {
            **_scores(sentences, references, cider),
            "ms per sentence": timer.seconds / len(asked[:TIMED]) * 1000,
        }
        results[name] = {**result, "examples": [sentence.text for sentence in sentences[:8]]}
        rows.append([name, *(f"{value:.1f}" for value in result.values())])
    what = "the true captions' mean" if options.truth else "predicted embeddings"
    print(f"{options.model}, Flickr8k {options.split}, {len(names)} photographs, from {what}")
    print_table(["decoder", "CIDEr", "distinct %", "mean confidence %", "ms per sentence"], rows)
    print(
        save_result(
            f"captioning{'_truth' if options.truth else ''}",
            {"model": options.model, "split": options.split, "from": what, "decoders": results},
        )
    )


def _decoders(model: Model, options: argparse.Namespace) -> dict[str, Decode]:
    decoders: dict[str, Decode] = {}
    decoder = model.y_decoder
    if isinstance(decoder, GraphYDecoder):
        for beams in options.beams:
            name = "Y-Decoder, greedy" if beams == 1 else f"Y-Decoder, {beams} beams"
            decoders[name] = partial(decoder.generate, beams=beams)
        decoders["Y-Decoder, as jepa says it"] = decoder.decode
    if options.temperatures:
        _, captions = _read("train")
        bank = CaptionBank.encode([caption for group in captions for caption in group], model.y_encoder)
        for temperature in options.temperatures:
            decoders[f"retrieval, temperature {temperature:g}"] = RetrievalDecoder(
                bank, temperature=temperature
            ).decode
    return decoders


def _predicted(model: Model, names: Sequence[str]) -> np.ndarray:
    folder = shared_data() / "flickr8k" / "images"
    embedder = Embedder(model)
    predicted, _ = embedder.clips([Clip(folder / f"{Path(name).stem}.webp") for name in names])
    embedder.close()
    return predicted


def _read(split: str) -> tuple[list[str], list[list[str]]]:
    """The photographs' names of a split, and the captions of each."""
    folder = shared_data() / "flickr8k"
    rows = flickr8k.parse(folder / "Flickr8k.token.txt", folder / f"Flickr_8k.{split}Images.txt")
    return [row.name for row in rows], [list(row.captions) for row in rows]


def _true_means(model: Model, references: Sequence[Sequence[str]]) -> np.ndarray:
    texts = model.y_encoder.encode([text for group in references for text in group])
    groups = np.split(texts, np.cumsum([len(group) for group in references])[:-1])
    means = np.stack([group.mean(axis=0) for group in groups])
    unit: np.ndarray = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit.astype(np.float32)


def _scores(
    sentences: Sequence[Sentence], references: Sequence[Sequence[str]], cider: Cider
) -> dict[str, float]:
    texts = [sentence.text for sentence in sentences]
    return {
        "CIDEr": float(cider.scores(texts, references).mean()),
        "distinct %": len(set(texts)) / len(texts) * 100,
        "mean confidence %": float(np.mean([sentence.confidence for sentence in sentences]) * 100),
    }


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--split", default="test", choices=["dev", "test"])
    parser.add_argument("--beams", type=int, nargs="*", default=[1, 5])
    parser.add_argument("--temperatures", type=float, nargs="*", default=[0.0, 0.04])
    parser.add_argument("--truth", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
