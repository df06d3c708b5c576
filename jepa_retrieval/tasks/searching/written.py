"""The words of a query in what is written in the pictures of clips."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from jepa_retrieval.tasks.encoding.writing import WrittenLine, lines_of_writing
from jepa_retrieval.tasks.searching.words import (
    Matching,
    Wanted,
    WordsFound,
    folded,
    phrases_at,
    probability_of,
)

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipHit

BETWEEN_LINES = " / "  # where a hit shows several lines of a picture


def find_written(index: Index, wanted: Wanted, *, k: int, where: str | None) -> list[WordsFound]:
    """Writing that holds words of a query, in at most `k` clips; of each clip the picture with most of them."""
    clips = index.search_writing(wanted.distinct_text, k=k, phrases=wanted.quoted, where=where)
    found = []
    matching = Matching(wanted.words)
    for clip, writing in zip(clips, index.writing([clip.clip_id for clip in clips]), strict=True):
        lines = [] if writing is None else lines_of_writing(writing)
        times = sorted({line.start for line in lines})
        pictures = ([line for line in lines if _is_seen(line, time)] for time in times)
        matches = [
            match for picture in pictures if (match := _match(clip, picture, wanted, matching)) is not None
        ]
        if matches:
            found.append(max(matches, key=lambda match: match.probability))  # the first of equals
    return found


def _is_seen(line: WrittenLine, time: float) -> bool:
    return line.start == time or line.start < time < line.end


def _match(
    clip: ClipHit, lines: Sequence[WrittenLine], wanted: Wanted, matching: Matching
) -> WordsFound | None:
    """The lines of one picture that hold words of a query; None if none does, or a phrase is missing."""
    words = [(text, line) for line in lines for text in folded(line.text)]
    texts = [text for text, _ in words]
    at = phrases_at(texts, len(texts), wanted)
    if at is None:
        return None
    matched = frozenset[str]().union(*(matching[text] for text in texts))
    holding = [line for text, line in words if matching[text]]
    for begin, phrase in zip(at, wanted.phrases, strict=True):
        holding += [line for _, line in words[begin : begin + len(phrase)]]
    shown = [line for line in lines if any(line is other for other in holding)]
    if not shown:
        return None
    text = BETWEEN_LINES.join(line.text for line in shown)
    start, end = (None, None) if clip.start is None else (shown[0].start, max(line.end for line in shown))
    return WordsFound(clip, "written", text, start, end, probability_of(wanted, len(matched)))
