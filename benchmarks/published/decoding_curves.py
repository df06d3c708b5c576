"""Schemes that choose which windows of a long video are decoded, and the scores of each at every rate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.shared.cider import Cider
from benchmarks.shared.long_timed import TimedEvent, TimedStream
from jepa_retrieval.models.parts import YDecoder
from jepa_retrieval.tasks.encoding.segment import segment

RATE = 2.0  # windows per second
RATES = (2.0, 1.4, 1.0, 0.7, 0.5, 0.42, 0.35, 0.29, 0.25, 0.2, 0.16, 0.13, 0.1, 0.07, 0.05, 0.035, 0.02, 0.01)
SCHEMES = ("uniform", "selective")
EMBEDDINGS = ("exact", "average")
METRICS = ("cider", "cosine", "coverage")

Parts = list[tuple[int, int]]  # windows [first, last) of each part of a video


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """The scores of one scheme, event by event."""

    scheme: str
    embedding: str
    scores: dict[str, np.ndarray]  # metric to float [R, events], one row per rate
    rates: np.ndarray  # decodes per second in fact, float [R]


def cached_decoder(decoder: YDecoder) -> Callable[[str, TimedStream, Parts], list[str]]:
    """A decoder that decodes no interval twice: rates share many of them."""
    known: dict[tuple[str, str, int, int], str] = {}

    def say(embedding: str, stream: TimedStream, parts: Parts) -> list[str]:
        keys = []
        for first, last in parts:
            centre = (first + last) // 2
            span = (centre, centre + 1) if embedding == "exact" else (first, last)
            keys.append((stream.video, embedding, *span))
        new = [key for key in dict.fromkeys(keys) if key not in known]
        if new:
            means = np.stack([stream.embeddings[first:last].mean(axis=0) for _, _, first, last in new])
            means /= np.linalg.norm(means, axis=1, keepdims=True)
            sentences = decoder.decode(means.astype(np.float32))
            known.update((key, sentence.text) for key, sentence in zip(new, sentences, strict=True))
        return [known[key] for key in keys]

    return say


class Scorer:
    """CIDEr and cosine of sentences against the annotations of events."""

    def __init__(self, events: Sequence[TimedEvent]) -> None:
        self._cider = Cider([[event.caption] for event in events])
        self._encode = _raw_minilm()
        self._known: dict[str, np.ndarray] = {}

    def cider(self, sentences: Sequence[str], events: Sequence[TimedEvent]) -> np.ndarray:
        """Float [B]."""
        return self._cider.scores(sentences, [[event.caption] for event in events])

    def cosine(self, sentences: Sequence[str], events: Sequence[TimedEvent]) -> np.ndarray:
        """Float [B]."""
        captions = [event.caption for event in events]
        new = [text for text in dict.fromkeys([*sentences, *captions]) if text not in self._known]
        if new:
            self._known.update(zip(new, self._encode(new), strict=True))
        return np.array([self._known[a] @ self._known[b] for a, b in zip(sentences, captions, strict=True)])


def _raw_minilm() -> Callable[[Sequence[str]], np.ndarray]:
    """Texts to unit vectors of the text tower that nano begins with, as published."""
    from jepa_retrieval.models.registry import CONFIGS, model_config
    from jepa_retrieval.models.storage import initialise_model
    from jepa_retrieval.training.frozen import fingerprint_of_module, text_tower_of

    untrained = initialise_model(model_config("nano"), base=CONFIGS)
    encode = text_tower_of(untrained, fingerprint=fingerprint_of_module(untrained.y_encoder.tower))

    def unit(texts: Sequence[str]) -> np.ndarray:
        vectors = encode(list(texts)).numpy()
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors

    return unit


def decoding_curve(
    streams: Sequence[TimedStream],
    events: Sequence[TimedEvent],
    scheme: str,
    embedding: str,
    say: Callable[[str, TimedStream, Parts], list[str]],
    score: Scorer,
) -> Curve:
    """What a scheme scores at every rate of `RATES`; an event takes the sentence nearest to its middle."""
    rows: dict[str, list[np.ndarray]] = {metric: [] for metric in METRICS}
    rates = []
    seconds = sum(stream.seconds for stream in streams)
    for rate in RATES:
        sentences: list[str] = []
        matched: list[TimedEvent] = []
        covered: list[bool] = []
        decodes = 0
        for stream in streams:
            own = [event for event in events if event.video == stream.video]
            parts = split(stream, scheme, max(1, round(stream.seconds * rate)))
            decodes += len(parts)
            points = np.array([_middle(stream, part) for part in parts])
            texts = say(embedding, stream, parts)
            for event in own:
                nearest = int(np.abs(points - (event.start + event.end) / 2).argmin())
                sentences.append(texts[nearest])
                covered.append(bool(((points >= event.start) & (points < event.end)).any()))
            matched += own
        rows["cider"].append(score.cider(sentences, matched))
        rows["cosine"].append(score.cosine(sentences, matched))
        rows["coverage"].append(np.array(covered, float))
        rates.append(decodes / seconds)
    return Curve(scheme, embedding, {name: np.stack(row) for name, row in rows.items()}, np.array(rates))


def split(stream: TimedStream, scheme: str, count: int) -> Parts:
    """As many parts of the stream as decodes are wanted, at most one per window."""
    windows = len(stream.embeddings)
    count = min(count, windows)
    if scheme == "selective":
        return [(run.start, run.stop) for run in segment(stream.embeddings, count=count)]
    edges = np.linspace(0, windows, count + 1).round().astype(int)
    return list(zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True))


def _middle(stream: TimedStream, part: tuple[int, int]) -> float:
    return float((stream.starts[part[0]] + stream.ends[part[1] - 1]) / 2)


def uncovered(stream: TimedStream, events: Sequence[TimedEvent], count: int) -> list[TimedEvent]:
    """A video's events without a decode point inside, at so many selective decodes."""
    points = np.array([_middle(stream, part) for part in split(stream, "selective", count)])
    own = [event for event in events if event.video == stream.video]
    return [event for event in own if not ((points >= event.start) & (points < event.end)).any()]


def first_rate(rates: np.ndarray, scores: np.ndarray, goal: float) -> float:
    """The lowest rate at which a curve reaches `goal`, between two rates by the logarithm; the highest if never."""
    order = np.argsort(rates)
    rates, scores = rates[order], scores[order]
    if scores[0] >= goal:
        return float(rates[0])
    for number in range(1, len(rates)):
        if scores[number] >= goal:
            share = (goal - scores[number - 1]) / (scores[number] - scores[number - 1])
            return float(rates[number - 1] * (rates[number] / rates[number - 1]) ** share)
    return float("inf")


def interval(scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """5% and 95% of the bootstrapped means over events: float [R, events] to two float [R]."""
    draws = np.random.default_rng(0).integers(0, scores.shape[1], (500, scores.shape[1]))
    low, high = np.quantile(scores[:, draws].mean(axis=2), [0.05, 0.95], axis=1)
    return low, high
