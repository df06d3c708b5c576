"""Titles of chapters from what is said and written in them, where that says more than the pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from textwrap import shorten
from typing import TYPE_CHECKING, Literal

import numpy as np

from jepa_retrieval.tasks.encoding.known_words import knows_words
from jepa_retrieval.tasks.encoding.timed_text import TimedText

if TYPE_CHECKING:
    from jepa_retrieval.models.parts import Model

# A chapter with fewer words is titled by its pictures.
MIN_WORDS = 8
# Text recognition makes short words of patterns: what is written counts if it has so many longer ones.
MIN_WRITTEN_WORDS = 3
_LONGER_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]|[^\W\d_]{3,}")
# Of lines that are nearly as good, one that is said is the title.
PREFERENCE_FOR_SAID = 0.05
# A line is a better title the more it means what is said in the chapter, and the less it means what the others say.
OTHERS_WEIGHT = 0.5
MAX_TITLE_CHARS = 60
_MORE = "…"  # after them, where a line goes on


@dataclass(frozen=True, slots=True)
class WordTitle:
    """A title from words."""

    text: str
    sense: Literal["said", "written"]
    score: float  # cosine of its S_Y and the mean S_Y of the chapter's words, 0 to 1


def word_titles(
    texts: Sequence[TimedText], intervals: Sequence[tuple[float, float]], model: Model
) -> list[WordTitle | None]:
    """The line of each interval that says best what is said and written there; None where there are few words.

    Args:
        texts: of the file; those of which the model knows half of the words or fewer do not count, nor does what is
            written with few words of three letters or more.
        intervals: start and end of each chapter, seconds.
        model: its Y-Encoder compares lines by their meaning.
    """
    texts = [text for text in texts if _has_words(text) and knows_words(text.text, model)]
    inside = [
        [number for number, text in enumerate(texts) if text.start < end and start <= text.start]
        for start, end in intervals
    ]
    enough = [sum(len(texts[n].text.split()) for n in numbers) >= MIN_WORDS for numbers in inside]
    if not any(enough):
        return [None] * len(intervals)
    vectors = model.y_encoder.encode([text.text for text in texts])
    means = np.stack(
        [_unit(vectors[numbers].sum(axis=0) if numbers else np.zeros_like(vectors[0])) for numbers in inside]
    )
    titles: list[WordTitle | None] = []
    for number, (numbers, is_enough) in enumerate(zip(inside, enough, strict=True)):
        others = _unit(means.sum(axis=0) - means[number])
        own = vectors[numbers] @ means[number]
        preferred = np.array([PREFERENCE_FOR_SAID * (texts[n].sense == "said") for n in numbers])
        ranks = own - OTHERS_WEIGHT * vectors[numbers] @ others + preferred
        best = int(ranks.argmax()) if is_enough else -1
        titles.append(None if best < 0 else _title(texts[numbers[best]], float(own[best])))
    return titles


def _has_words(text: TimedText) -> bool:
    return text.sense == "said" or len(_LONGER_WORD.findall(text.text)) >= MIN_WRITTEN_WORDS


def _title(text: TimedText, score: float) -> WordTitle:
    shown = shorten(text.text, MAX_TITLE_CHARS + len(_MORE), placeholder=_MORE, break_on_hyphens=False)
    if shown == _MORE:  # some languages put no spaces between words
        shown = f"{text.text[:MAX_TITLE_CHARS]}{_MORE}"
    elif shown.endswith(_MORE):
        shown = f"{shown.removesuffix(_MORE).rstrip(' ,;:-–')}{_MORE}"
    return WordTitle(shown, text.sense, min(1.0, max(0.0, score)))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    scaled: np.ndarray = vector / length if length > 0 else vector
    return scaled
