"""What is said in a file: lines of words with times, and how clips of an index store them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from indexes.records import ClipSpeech
from jepa_retrieval.media.sound.subtitle_names import SIDECAR_SUFFIXES
from jepa_retrieval.models.speech import Word

if TYPE_CHECKING:
    from indexes import Index
    from indexes.records import ClipHit

# Two lines of subtitles, shown for as long as people read them (Netflix Timed Text Style Guide: 42 characters a line,
# 7 seconds).
MAX_LINE_CHARS = 84
MAX_LINE_SECONDS = 7.0
# A pause of this many seconds ends a line.
MIN_PAUSE = 1.0
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "؟", "।")

NO_SOUND = "no sound"  # the source of what is said in a file without sound


@dataclass(frozen=True, slots=True)
class Line:
    """Words that are shown together."""

    words: tuple[Word, ...]  # at least one

    @property
    def start(self) -> float:
        """When its first word begins, in seconds."""
        return self.words[0].start

    @property
    def end(self) -> float:
        """When its last word ends."""
        return self.words[-1].end

    @property
    def text(self) -> str:
        """The words as one text."""
        return "".join(word.text for word in self.words).strip()


@dataclass(frozen=True, slots=True)
class Transcript:
    """What is said in a file."""

    lines: tuple[Line, ...]  # in the order of time
    language: str | None  # ISO 639-1; None if it is not known
    source: str  # who says so: a model's name, the name of a file with subtitles, or "subtitle track N"
    missing: str | None = None  # what of the file could not be read; None if all was


def divide(words: Iterable[Word]) -> list[Line]:
    """Words to lines: at the ends of sentences, in pauses, and before a line becomes too long."""
    lines: list[Line] = []
    line: list[Word] = []
    for word in words:
        if line and _ends_before(line, word):
            lines.append(Line(tuple(line)))
            line = []
        line.append(word)
    return [*lines, Line(tuple(line))] if line else lines


def _ends_before(line: Sequence[Word], word: Word) -> bool:
    length = sum(len(part.text) for part in line) + len(word.text.rstrip())
    return (
        word.start - line[-1].end >= MIN_PAUSE
        or line[-1].text.rstrip().endswith(_SENTENCE_ENDS)
        or length > MAX_LINE_CHARS
        or word.end - line[0].start > MAX_LINE_SECONDS
    )


def line_of_text(text: str, start: float, end: float) -> Line | None:
    """A line of which only the whole has times: those of its words follow from their lengths. None for no words."""
    parts = text.split()
    total = len(" ".join(parts))
    words, at = [], 0
    for part in parts:
        first, last = (start + (end - start) * position / total for position in (at, at + len(part)))
        words.append(Word(f" {part}" if at else part, first, last))
        at += len(part) + 1
    return Line(tuple(words)) if words else None


def speech_of_clips(transcript: Transcript, clips: Sequence[ClipHit]) -> dict[int, ClipSpeech]:
    """What is said in each clip of a file, by clip_id.

    A line belongs to every clip that it overlaps, whole: a phrase is found although a clip ends inside of it. One
    that overlaps none, such as sound after the last picture, belongs to the nearest.
    """
    starts = np.array([clip.start or 0.0 for clip in clips])
    ends = np.array([clip.end or 0.0 for clip in clips])
    lines: list[list[Line]] = [[] for _ in clips]
    for line in transcript.lines:
        gaps = np.maximum(starts - line.end, line.start - ends)  # below 0 where they overlap
        for number in {*np.flatnonzero(gaps < 0).tolist(), int(gaps.argmin())}:
            lines[number].append(line)
    return {clip.clip_id: _stored(said, transcript) for clip, said in zip(clips, lines, strict=True)}


def lines_of_speech(speech: ClipSpeech) -> list[Line]:
    """The lines of what is said in a clip."""
    return list(_lines(speech, 0, len(speech.times)))


def line_of_speech(speech: ClipSpeech, number: int) -> Line:
    """One of these lines, counted from 0."""
    ends = [at for at, char in enumerate(speech.text) if char == "\n"]
    begin = ends[number - 1] + 1 if number else 0
    end = ends[number] if number < len(ends) else len(speech.text)
    first, last = np.searchsorted(speech.times[:, 0], (begin, end)).tolist()
    return next(_lines(speech, first, last))


def _lines(speech: ClipSpeech, first: int, last: int) -> Iterator[Line]:
    """The lines of a clip's words from `first` up to `last`."""
    line: list[Word] = []
    begins = [int(value) for value in speech.times[first : last + 1, 0]]
    for number, begin in enumerate(begins[: last - first]):
        end = begins[number + 1] if number + 1 < len(begins) else len(speech.text)
        text = speech.text[begin:end]
        spaced = begin > 0 and speech.text[begin - 1] == " "
        start, stop = (float(value) for value in speech.times[first + number, 1:])
        line.append(Word(f" {text.strip()}" if spaced and line else text.strip(), start, stop))
        if text.endswith("\n"):
            yield Line(tuple(line))
            line = []
    if line:
        yield Line(tuple(line))


def stored_transcript(index: Index, path: str) -> Transcript | None:
    """What an index knows of what is said in a file; None if that was not recognised, or the file has no clips."""
    clips = index.clips_of(path)
    spoken = [speech for speech in index.speech([clip.clip_id for clip in clips]) if speech is not None]
    if not spoken:
        return None
    lines: dict[tuple[float, str], Line] = {}
    for line in (line for speech in spoken for line in lines_of_speech(speech)):
        lines.setdefault((line.start, line.text), line)  # one that two clips share
    language = next((speech.language for speech in spoken if speech.language), None)
    ordered = sorted(lines.values(), key=lambda line: (line.start, line.end))
    source = spoken[0].source
    # What is damaged in a file matters little to subtitles beside it.
    missing = None if Path(source).suffix.lower() in SIDECAR_SUFFIXES else _missing(index, path)
    return Transcript(tuple(ordered), language, source, missing)


def _missing(index: Index, path: str) -> str | None:
    """What of a file could not be read when it was indexed; None if all was."""
    rows = index.media(paths=[path], columns=["state", "error"]).to_pylist()
    return next((row["error"] for row in rows if row["state"] == "partial"), None)


def _stored(lines: Sequence[Line], transcript: Transcript) -> ClipSpeech:
    text = "\n".join(line.text for line in lines)
    rows, at = [], 0
    for line in lines:
        for begin, word in _positions(line):
            rows.append((at + begin, word.start, word.end))
        at += len(line.text) + 1
    language = transcript.language if lines else None
    return ClipSpeech(text, np.array(rows, np.float32).reshape(-1, 3), language, transcript.source)


def _positions(line: Line) -> Iterator[tuple[int, Word]]:
    """Where each word begins in the line's text."""
    at = 0
    for number, word in enumerate(line.words):
        text = word.text.lstrip() if number == 0 else word.text
        yield at + len(text) - len(text.lstrip()), word
        at += len(text)
