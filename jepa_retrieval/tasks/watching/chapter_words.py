"""Titles of chapters from what is said and written in them, where that says more than the pictures."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from jepa_retrieval.tasks.encoding.known_words import knows_words
from jepa_retrieval.tasks.encoding.passages import passages_of_writing
from jepa_retrieval.tasks.encoding.transcript import lines_of_speech
from jepa_retrieval.tasks.encoding.writing import lines_of_writing

if TYPE_CHECKING:
    from indexes import Index
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


@dataclass(frozen=True, slots=True)
class TimedText:
    """A line that is said, or lines that are written together."""

    text: str
    start: float  # seconds
    end: float
    sense: Literal["said", "written"]


@dataclass(frozen=True, slots=True)
class WordTitle:
    """A title from words."""

    text: str
    sense: Literal["said", "written"]
    score: float  # cosine of its S_Y and the mean S_Y of the chapter's words, 0 to 1


def words_of_file(index: Index, path: str) -> list[TimedText]:
    """What an index knows to be said and written in a file, in the order of time; each line once.

    Args:
        index: that has the file, or not.
        path: as it is stored.
    """
    clips = index.clips_of(path)
    clip_ids = [clip.clip_id for clip in clips]
    found: dict[tuple[str, float], TimedText] = {}
    for clip, speech, writing in zip(clips, index.speech(clip_ids), index.writing(clip_ids), strict=True):
        for line in () if speech is None else lines_of_speech(speech):
            found.setdefault((line.text, line.start), TimedText(line.text, line.start, line.end, "said"))
        lines = [] if writing is None else lines_of_writing(writing)
        for passage in () if writing is None else passages_of_writing(clip.clip_id, writing):
            together = lines[passage.first_line : passage.first_line + passage.lines]
            start, end = together[0].start, max(line.end for line in together)
            found.setdefault((passage.text, start), TimedText(passage.text, start, end, "written"))
    return sorted(found.values(), key=lambda text: text.start)


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
    words = text.text.split()
    shown = ""
    for word in words:
        if not shown and len(word) > MAX_TITLE_CHARS:  # some languages put no spaces between words
            shown = f"{word[:MAX_TITLE_CHARS]}…"
            break
        if shown and len(shown) + 1 + len(word) > MAX_TITLE_CHARS:
            shown = f"{shown.rstrip(' ,;:-–')}…"
            break
        shown = f"{shown} {word}".lstrip()
    return WordTitle(shown, text.sense, min(1.0, max(0.0, score)))


def _unit(vector: np.ndarray) -> np.ndarray:
    length = np.linalg.norm(vector)
    scaled: np.ndarray = vector / length if length > 0 else vector
    return scaled
