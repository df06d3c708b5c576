"""Finds what is said and written in other words than those of a query: lines with a similar meaning."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from indexes.vectors.passages import key_of
from jepa_retrieval.tasks.encoding.passages import text_of
from jepa_retrieval.tasks.encoding.transcript import line_of_speech
from jepa_retrieval.tasks.encoding.writing import lines_of_writing
from jepa_retrieval.tasks.searching.calibration import logistic, standing_out
from jepa_retrieval.tasks.searching.words import WordsFound
from jepa_retrieval.tasks.searching.written import BETWEEN_LINES

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipSpeech, ClipWriting, PassageHit
    from jepa_retrieval.tasks.searching.calibration import NullDistribution
    from jepa_retrieval.tasks.searching.embed_query import EmbeddedQuery

# P(what was looked for) = MAX / (1 + exp(-(offset + slope * x))), where x is how far a line's cosine stands out.
# The slope is fitted by `python -m benchmarks.studies.word_meaning`. The others are chosen so that queries for what
# is seen lose nothing there: the offset is 1 below the fitted one.
MEANING_OFFSET, MEANING_SLOPE = -5.6, 1.47
MAX_OF_MEANING = 0.8
MIN_OF_MEANING = 0.1  # lines that are less likely are left out beside pictures, ...
MIN_WITHOUT_PICTURES = 0.02  # ... and where only words are searched
# Clips that are looked at, for each in which one text may be found: "[Music]" may be said again and again.
CLIPS_FACTOR = 4
# What pictures show was probably meant to be seen: probabilities are multiplied by (1 - their confidence) ** CAUTION.
CAUTION = 3


def find_by_meaning(
    index: Index,
    query: EmbeddedQuery,
    null: NullDistribution,
    *,
    senses: Sequence[str],
    k: int,
    where: str | None,
    seen: float | None,
) -> list[WordsFound]:
    """Lines near in meaning to a text, each in at most `k` clips, and at most `CLIPS_FACTOR` times as many in all.

    Args:
        index: to search.
        query: the text.
        null: how neutral texts score on the lines.
        senses: of "said" and "written".
        k: see above.
        where: SQL over the clips' columns.
        seen: confidence of the best moment by pictures, 0 to 1; None if pictures are not searched.
    """
    hits = index.passages.search(query.vector, k=CLIPS_FACTOR * k, per_text=k, senses=senses, where=where)
    probabilities = likelihoods(null, query, np.array([hit.clip.score for hit in hits]))
    least = MIN_WITHOUT_PICTURES if seen is None else MIN_OF_MEANING
    likely = [pair for pair in zip(hits, probabilities.tolist(), strict=True) if pair[1] >= least]
    clip_ids = [hit.clip.clip_id for hit, _ in likely]
    left = (1 - (seen or 0.0)) ** CAUTION
    rows = zip(likely, index.speech(clip_ids), index.writing(clip_ids), strict=True)
    found = (
        _spoken(hit, speech, left * probability)
        if hit.sense == "said"
        else _written(hit, writing, left * probability)
        for (hit, probability), speech, writing in rows
    )
    return [one for one in found if one is not None]


def likelihoods(null: NullDistribution, query: EmbeddedQuery, cosines: np.ndarray) -> np.ndarray:
    """How likely lines with these cosines, [n], are what was looked for, [n]."""
    x = standing_out(null, query, cosines)
    return query.knowledge.factor * MAX_OF_MEANING * logistic(MEANING_OFFSET + MEANING_SLOPE * x)


def _spoken(hit: PassageHit, speech: ClipSpeech | None, probability: float) -> WordsFound | None:
    """None if something else is said there now."""
    texts = [] if speech is None else speech.text.split("\n")[hit.first_line : hit.first_line + hit.lines]
    if speech is None or key_of(text_of(texts)) != hit.key:
        return None
    line = line_of_speech(speech, hit.first_line)
    return WordsFound(hit.clip, "said", line.text, line.start, line.end, probability, by_meaning=True)


def _written(hit: PassageHit, writing: ClipWriting | None, probability: float) -> WordsFound | None:
    lines = [] if writing is None else lines_of_writing(writing)[hit.first_line : hit.first_line + hit.lines]
    if key_of(text_of([line.text for line in lines])) != hit.key:
        return None
    is_image = hit.clip.start is None
    start, end = (None, None) if is_image else (lines[0].start, max(line.end for line in lines))
    text = BETWEEN_LINES.join(line.text for line in lines)
    return WordsFound(hit.clip, "written", text, start, end, probability, by_meaning=True)
