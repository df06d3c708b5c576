"""How sure a hit is: its score against what unrelated queries score on the same index.

A score says little by itself: what unrelated texts score differs from model to model and from index to index, and the
best of many unrelated clips scores higher than the best of few. docs/search.md has the formulas and the data behind
the constants.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import numpy as np

from indexes import Index, IndexStoreError, IndexWriteError, Manifest
from jepa_retrieval.tasks.encoding.reference_texts import neutral_texts
from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery

logger = logging.getLogger(__name__)

# With fewer clips there is nothing for a hit to stand out from.
MIN_CLIPS = 5
# Means and spreads of this many clips are as good as those of all.
MAX_CLIPS = 20_000
FEW = 20
# Numbers measured on an index serve until this share of its clips has come or gone.
MAX_CHANGE = 0.1


EncodeTexts = Callable[[Sequence[str]], np.ndarray]


# P(right) = 1 / (1 + exp(-(offset + slope * x))). Fitted by `benchmarks.studies.fit_confidence` on Flickr8k's
# dev photographs and Caltech-101. For texts x is the z-score less that of the best of N by chance; for pictures and
# clips x is the centred cosine.
TEXT_OFFSET, TEXT_SLOPE = -0.91, 1.02
CLIP_OFFSET, CLIP_SLOPE = -7.22, 10.45


@dataclass(frozen=True, slots=True, eq=False)
class NullDistribution:
    """How queries that mean nothing in particular score on one index."""

    clips: int  # N, all clips of the index with something to see
    clip_mean: np.ndarray  # float32 [E]: mean embedding of the clips
    text_mean: np.ndarray  # float32 [E]: mean embedding of the neutral texts
    score_spread: float  # standard deviation of the scores of all neutral texts on all clips
    # The same of what is said and written, each different text in the place of a clip; None if there is nothing.
    passages: NullDistribution | None = None

    def background(self, vector: np.ndarray) -> float:
        """The mean score of a query, float32 [E], over the clips."""
        return float(vector @ self.clip_mean)

    def z_scores(self, query: EmbeddedQuery, clips: np.ndarray) -> np.ndarray:
        """How far a query's scores lie above those of neutral texts on this index, in standard deviations.

        Args:
            query: one that looks for texts.
            clips: embeddings, float32 [n, E].

        Returns:
            float64 [n].
        """
        weights = np.array([term.weight for term in query.terms], np.float64) / query.length
        texts = np.array([isinstance(term.source, str) for term in query.terms])
        # Neutral texts, and clips of this index, in the place of the terms would sum to this, with this spread.
        neutral = weights[texts].sum() * self.text_mean + weights[~texts].sum() * self.clip_mean
        spread = self.score_spread * float(np.linalg.norm(weights))
        above = clips @ query.vector - float(neutral @ self.clip_mean)
        return above.astype(np.float64) / max(spread, 1e-9)

    def centred_cosines(self, vector: np.ndarray, clips: np.ndarray) -> np.ndarray:
        """Cosines of a query, float32 [E], and clips, float32 [n, E], seen from the mean clip; float64 [n]."""
        seen, others = vector - self.clip_mean, clips - self.clip_mean
        lengths = np.linalg.norm(seen) * np.linalg.norm(others, axis=1)
        return (others @ seen).astype(np.float64) / np.maximum(lengths, 1e-9)


def measure_null(embeddings: np.ndarray, texts: np.ndarray, *, clips: int) -> NullDistribution:
    """Measure on embeddings of clips, float32 [n, E], and of neutral texts, float32 [M, E].

    Args:
        clips: how many clips the index has, of which `embeddings` may be a sample.
    """
    size = texts.shape[1]
    clip_mean = embeddings.mean(axis=0) if len(embeddings) else np.zeros(size, np.float32)
    scores = texts @ embeddings.T
    return NullDistribution(
        clips=clips,
        clip_mean=clip_mean.astype(np.float32),
        text_mean=texts.mean(axis=0).astype(np.float32),
        score_spread=float(scores.std(dtype=np.float64)) if scores.size else 0.0,
    )


def null_distribution(index: Index, encode: EncodeTexts, *, save: bool = False) -> NullDistribution:
    """The null distribution of an index: as stored, or measured now.

    Args:
        encode: the Y-Encoder of the index's model; called only if something has to be measured.
        save: store what had to be measured; a folder that cannot be written is no error.
    """
    size = index.manifest.embedding_size
    content = index.calibration()
    texts: list[np.ndarray] = []  # of the neutral texts, once they are needed

    def distribution(stored: object, clips: int, sample: Callable[[int], np.ndarray]) -> NullDistribution:
        known = _parse(stored, size)
        if known is not None and abs(known.clips - clips) <= MAX_CHANGE * known.clips:
            return known
        texts[:] = texts or [encode(neutral_texts())]
        return measure_null(sample(MAX_CLIPS), texts[0], clips=clips)

    clips, passages = index.count_seen_clips(), _count_passages(index)
    if clips < MIN_CLIPS:
        nothing = np.zeros(size, np.float32)
        null = NullDistribution(clips, nothing, nothing, 0.0)
    else:
        null = distribution(content, clips, index.sample)
    if passages:
        stored = None if content is None else content.get("passages")
        null = replace(null, passages=distribution(stored, passages, index.passages.sample))
    if save and texts:
        try:
            index.save_calibration(_document(null))
            index.maintenance.save_queries(texts[0])
        except IndexWriteError as error:
            logger.warning("confidence is measured again in every search: %s", error)
    return null


def _count_passages(index: Index) -> int:
    # What is said and written may be of an index folder that is not at hand.
    return index.passages.count() if index.keeps_speech or index.keeps_writing else 0


class Calibration:
    """The null distribution of an index, read or measured once per commit."""

    def __init__(self) -> None:
        self._null: tuple[Manifest, NullDistribution] | None = None

    def null(self, index: Index, encode: EncodeTexts) -> NullDistribution:
        """How texts that mean nothing in particular score on the present commit; see `null_distribution`."""
        if self._null is None or self._null[0] != index.manifest:
            self._null = index.manifest, null_distribution(index, encode)
        return self._null[1]

    def measure(self, index: Index, encode: EncodeTexts) -> None:
        """Measure what is due and store it; measure how well the vector index answers texts, too."""
        self._null = index.manifest, null_distribution(index, encode, save=True)
        try:
            # Neutral texts are queries too: they show how well the vector index answers texts.
            index.maintenance.tune()
        except IndexStoreError as error:
            logger.info("the vector index is not measured: %s", error)


def confidences(null: NullDistribution, query: EmbeddedQuery, clips: np.ndarray) -> list[float | None]:
    """How likely each of some clips, float32 [n, E], is what was looked for; None on an index too small to compare.

    The best of N unrelated clips stands out by about sqrt(2 ln N) standard deviations (the expected maximum of N
    normal variables; Cramér 1946, section 28.6), which is why a larger index asks for more. A query of words that the
    model does not know is less likely to be answered by as much as it does not know of it.
    """
    if null.clips < MIN_CLIPS:
        return [None] * len(clips)
    wanted = [term for term in query.terms if term.weight > 0] or query.terms
    if all(isinstance(term.source, str) for term in wanted):
        by_chance = math.sqrt(2 * math.log(null.clips))
        x = null.z_scores(query, clips) - by_chance
        return [query.knowledge.factor * _logistic(TEXT_OFFSET + TEXT_SLOPE * value) for value in x.tolist()]
    cosines = null.centred_cosines(query.vector, clips)
    return [
        query.knowledge.factor * _logistic(CLIP_OFFSET + CLIP_SLOPE * value) for value in cosines.tolist()
    ]


def standing_out(null: NullDistribution, query: EmbeddedQuery, scores: np.ndarray) -> np.ndarray:
    """How far scores of a query, [n], lie above its mean score, beyond the best of as many by chance, [n].

    In standard deviations of the scores of neutral texts. Where there are few scores, their mean says little: it is
    joined with that of neutral texts, as if this were the mean of `FEW` more.
    """
    share = null.clips / (null.clips + FEW)
    background = share * null.background(query.vector) + (1 - share) * null.background(null.text_mean)
    by_chance = math.sqrt(2 * math.log(null.clips))
    above: np.ndarray = (scores - background) / max(null.score_spread, 1e-3)
    return above - by_chance


def logistic(logits: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-x)) of each."""
    values: np.ndarray = 1 / (1 + np.exp(-np.clip(logits, -60.0, 60.0)))
    return values


def _logistic(logit: float) -> float:
    return float(logistic(np.array(logit)))


@cache
def _bank() -> str:
    return hashlib.sha256("\n".join(neutral_texts()).encode()).hexdigest()[:16]


def _document(null: NullDistribution) -> dict[str, Any]:
    return {
        "texts": _bank(),
        "clips": null.clips,
        "clip_mean": [round(float(value), 7) for value in null.clip_mean],
        "text_mean": [round(float(value), 7) for value in null.text_mean],
        "score_spread": null.score_spread,
        **({} if null.passages is None else {"passages": _document(null.passages)}),
    }


def _parse(content: object, size: int) -> NullDistribution | None:
    """None for what another bank of texts gave, or what cannot be read."""
    try:
        if not isinstance(content, dict) or content["texts"] != _bank():
            return None
        null = NullDistribution(
            clips=int(content["clips"]),
            clip_mean=np.array(content["clip_mean"], np.float32),
            text_mean=np.array(content["text_mean"], np.float32),
            score_spread=float(content["score_spread"]),
        )
    except (KeyError, TypeError, ValueError, OverflowError):
        return None
    means = (null.clip_mean, null.text_mean)
    right = all(mean.shape == (size,) and np.isfinite(mean).all() for mean in means)
    return null if right and null.clips > 0 and 0 <= null.score_spread < np.inf else None
