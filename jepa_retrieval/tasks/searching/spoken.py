"""The words of a query in what is said in clips."""

from __future__ import annotations

from typing import TYPE_CHECKING

from jepa_retrieval.tasks.encoding.transcript import line_of_speech
from jepa_retrieval.tasks.searching.words import (
    Matching,
    Wanted,
    WordsFound,
    folded,
    phrases_at,
    plain,
    probability_of,
    words_in,
)

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipHit, ClipSpeech


def find_spoken(index: Index, wanted: Wanted, *, k: int, where: str | None) -> list[WordsFound]:
    """Speech that holds words of a query, in at most `k` clips; each line once."""
    clips = index.search_speech(wanted.distinct_text, k=k, phrases=wanted.quoted, where=where)
    found: dict[tuple[str, float | None], WordsFound] = {}
    matching = Matching(wanted.words)
    for clip, speech in zip(clips, index.speech([clip.clip_id for clip in clips]), strict=True):
        best = None if speech is None else _best(clip, speech, wanted, matching)
        if best is not None:
            found.setdefault((clip.path, best.end), best)
    return list(found.values())


def _best(clip: ClipHit, speech: ClipSpeech, wanted: Wanted, matching: Matching) -> WordsFound | None:
    """The line of a clip from which on most of the words are said, in it or in the next.

    A clip may have hundreds of thousands of lines: each of its words is looked at once.
    """
    texts = [words_in(line) for line in plain(speech.text).split("\n")]
    matches = [frozenset().union(*(matching[text] for text in line)) for line in texts]
    best: tuple[float, int] | None = None
    for number, own in enumerate(texts):
        following = texts[number + 1] if number + 1 < len(texts) else []
        at = phrases_at([*own, *following], len(own), wanted)
        if at is None or not (matches[number] or at):
            continue
        matched = matches[number].union(*matches[number + 1 : number + 2])
        probability = probability_of(wanted, len(matched))
        if best is None or probability > best[0]:
            best = (probability, number)
    if best is None:
        return None
    probability, number = best
    line = line_of_speech(speech, number)
    following = texts[number + 1] if number + 1 < len(texts) else []
    at = phrases_at([*texts[number], *following], len(texts[number]), wanted) or []
    own_words = [(word, text) for word in line.words for text in folded(word.text)]
    starts = [word.start for word, text in own_words if matching[text]]
    starts += [own_words[position][0].start for position in at]
    return WordsFound(clip, "said", line.text, min(starts), line.end, probability)
