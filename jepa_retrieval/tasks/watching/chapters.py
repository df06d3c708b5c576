"""Chapters of a video: where its meaning changes, each with a sentence or a line of its words as the title."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.parts import Model, Sentence, YDecoder
from jepa_retrieval.tasks.encoding.segment import DEFAULT_SHIFT, segment
from jepa_retrieval.tasks.encoding.streams import VideoStream, encode_stream
from jepa_retrieval.tasks.encoding.timed_text import TimedText
from jepa_retrieval.tasks.watching.chapter_words import WordTitle, word_titles
from jepa_retrieval.tasks.watching.narrator import Narrator
from jepa_retrieval.tasks.watching.watch import MAX_RATE

_MAX_NOTES = 8  # sentences that a narrator makes a title of
MIN_SECONDS = 20.0  # of a chapter on average, unless a number of chapters is asked for


@dataclass(frozen=True, slots=True)
class Chapter:
    """A titled interval of a video."""

    start: float  # seconds
    end: float
    title: str
    score: float  # confidence of the title, 0 to 1
    title_from: Literal["seen", "said", "written"] = "seen"


def find_chapters(
    path: Path,
    model: Model,
    decoder: YDecoder,
    *,
    count: int | None = None,
    min_seconds: float = MIN_SECONDS,
    rate: float = 2.0,
    narrator: Narrator | None = None,
    words: Sequence[TimedText] = (),
    report: ReadReport | None = None,
) -> list[Chapter]:
    """Cut a video where its meaning changes most, and title the chapters.

    Args:
        path: the video file; an animated picture is one.
        model: whose Ŝ_Y make the stream.
        decoder: gives the titles.
        count: number of intervals to cut it into; neighbours with the same title still become one chapter. None: as
            many as the meaning has, but no more than make them last `min_seconds` on average.
        min_seconds: see `count`.
        rate: windows per second to look at.
        narrator: makes each title from the sentences of intervals of the chapter; None: the sentence of its average.
        words: what is said and written in the video: a chapter with some of them has one of its lines as its title,
            or as a further sentence for the narrator.
        report: gets the duration, and in `partial` what of the file is missing.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
        UsageError: `count` is more than the video has windows.
    """
    if not min_seconds > 0:
        raise UsageError(f"min_seconds must be above 0, not {min_seconds}")
    if not 0 < rate <= MAX_RATE:
        raise UsageError(f"rate must be above 0 and at most {MAX_RATE:g} windows per second, not {rate}")
    stream = encode_stream(path, model, rate=rate)
    if report is not None:
        report.duration = float(stream.times[-1, 1])
        report.partial += [stream.partial] if stream.partial else []
    cuts = segment(stream.embeddings, shift=DEFAULT_SHIFT, count=count, window_seconds=1 / rate)
    max_count = max(1, int(stream.times[-1, 1] // min_seconds))
    if count is None and len(cuts) > max_count:
        cuts = segment(stream.embeddings, count=max_count)
    intervals = [(_rounded(stream.times[cut][0, 0]), _rounded(stream.times[cut][-1, 1])) for cut in cuts]
    lines = word_titles(words, intervals, model)
    titles = _titles(stream, cuts, lines, model, decoder, narrator)
    named = [
        Chapter(start, end, _title(title.text), title.confidence)
        if line is None or narrator is not None
        else Chapter(start, end, _title(line.text), line.score, line.sense)
        for (start, end), title, line in zip(intervals, titles, lines, strict=True)
    ]
    return [_joined(list(alike)) for _, alike in itertools.groupby(named, lambda chapter: chapter.title)]


def _titles(
    stream: VideoStream,
    cuts: list[slice],
    lines: Sequence[WordTitle | None],
    model: Model,
    decoder: YDecoder,
    narrator: Narrator | None,
) -> list[Sentence]:
    averages = _averages(stream.embeddings, cuts)
    if narrator is None:
        return decoder.decode(averages)
    titles = []
    for cut, line in zip(cuts, lines, strict=True):
        inside = stream.embeddings[cut]
        inner = segment(inside, count=min(_MAX_NOTES, len(inside)))
        notes = [sentence.text for sentence in decoder.decode(_averages(inside, inner))]
        notes += (
            []
            if line is None
            else [f'{"Someone says" if line.sense == "said" else "It reads"}: "{line.text}"']
        )
        titles.append(narrator.line(notes))
    cosines = np.einsum("be,be->b", model.y_encoder.encode(titles), averages)
    return [
        Sentence(title, float(np.clip(cosine, 0.0, 1.0)))
        for title, cosine in zip(titles, cosines, strict=True)
    ]


def _averages(embeddings: np.ndarray, cuts: list[slice]) -> np.ndarray:
    """The mean of each interval of Ŝ_Y, float32 [R, E], unit length."""
    means = np.stack([embeddings[cut].mean(axis=0) for cut in cuts])
    unit: np.ndarray = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def _title(sentence: str) -> str:
    """A sentence as a heading: without the full stop, beginning with a capital."""
    text = " ".join(sentence.split()).rstrip(" .")
    return text[:1].upper() + text[1:]


def _joined(chapters: list[Chapter]) -> Chapter:
    best = max(chapter.score for chapter in chapters)
    return replace(chapters[0], end=chapters[-1].end, score=best)


def _rounded(seconds: float) -> float:
    return round(float(seconds), 6)
