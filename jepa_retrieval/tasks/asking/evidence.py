"""What is said and written in a moment, beside what a model answers about its pictures."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jepa_retrieval.tasks.encoding.transcript import lines_of_speech
from jepa_retrieval.tasks.encoding.writing import lines_of_writing

if TYPE_CHECKING:
    from indexes import Index

MAX_CHARS = 1_000  # of each text; what is longer is cut, which "…" shows


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words of a moment."""

    said: str | None  # its lines, one after the other; None if nothing is said or it is not known
    written: str | None  # likewise, " / " between them


def evidence_of(index: Index, path: str, start: float | None, end: float | None) -> Evidence:
    """What an index knows of the words in an interval of a file; start and end are None for a photograph."""
    low, high = start or 0.0, float("inf") if end is None else end
    clips = [
        clip.clip_id
        for clip in index.clips_of(path)
        if (clip.start or 0.0) < high and (clip.end is None or clip.end > low)
    ]
    said = sorted(
        {
            (line.start, line.text)
            for speech in index.speech(clips)
            if speech is not None
            for line in lines_of_speech(speech)
            if line.start < high and line.end > low
        }
    )
    written = [
        line.text
        for writing in index.writing(clips)
        if writing is not None
        for line in lines_of_writing(writing)
        if start is None or (line.start < high and line.end > low)
    ]
    return Evidence(_joined((text for _, text in said), " "), _joined(dict.fromkeys(written), " / "))


def _joined(texts: Iterable[str], between: str) -> str | None:
    text = between.join(texts)
    return f"{text[:MAX_CHARS].rstrip()}…" if len(text) > MAX_CHARS else text or None
