"""Chapters of a video: where its meaning changes, with a sentence for each part as the title."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.models.parts import Model, Sentence, YDecoder
from jepa_retrieval.tasks.encoding.segment import DEFAULT_SHIFT, segment
from jepa_retrieval.tasks.encoding.windows import WindowEncoder
from jepa_retrieval.tasks.watching.voice import Voice
from jepa_retrieval.tasks.watching.watch import BATCH_FRAMES, WatchOptions, stream_request

_MOST_NOTES = 8  # sentences that a voice makes a title of
LEAST_SECONDS = 20.0  # of a chapter on average, unless a number of chapters is asked for


@dataclass(frozen=True, slots=True)
class Chapter:
    """A part of a video."""

    start: float  # seconds
    end: float
    title: str
    score: float  # confidence of the title, 0 to 1


@dataclass(frozen=True, slots=True, eq=False)
class VideoStream:
    """The windows of one whole video."""

    times: np.ndarray  # float64 [W, 2], start and end of each window, seconds
    embeddings: np.ndarray  # Ŝ_Y, float32 [W, E], unit length


def find_chapters(
    path: Path,
    model: Model,
    decoder: YDecoder,
    *,
    count: int | None = None,
    least: float = LEAST_SECONDS,
    rate: float = 2.0,
    voice: Voice | None = None,
) -> list[Chapter]:
    """Cut a video where its meaning changes most, and name the parts.

    Args:
        path: the video file.
        model: whose Ŝ_Y make the stream.
        decoder: gives the titles.
        count: number of parts to cut it into; neighbours with the same title still become one chapter. None: as many
            as the meaning has, and so few that they last `least` seconds on average.
        least: see `count`.
        rate: windows per second to look at.
        voice: makes each title of the sentences of a chapter's own parts; None: the sentence of its average.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
        UsageError: `count` is more than the video has windows.
    """
    if not least > 0:
        raise UsageError(f"least must be seconds above 0, not {least:g}")
    stream = read_stream(path, model, rate=rate)
    runs = segment(stream.embeddings, shift=DEFAULT_SHIFT, count=count, window_seconds=1 / rate)
    most = max(1, int(stream.times[-1, 1] // least))
    if count is None and len(runs) > most:
        runs = segment(stream.embeddings, count=most)
    titles = _titles(stream, runs, model, decoder, voice)
    named = [
        Chapter(
            _rounded(stream.times[run][0, 0]),
            _rounded(stream.times[run][-1, 1]),
            _title(title.text),
            title.confidence,
        )
        for run, title in zip(runs, titles, strict=True)
    ]
    return [_joined(list(alike)) for _, alike in itertools.groupby(named, lambda chapter: chapter.title)]


def read_stream(path: Path, model: Model, *, rate: float = 2.0) -> VideoStream:
    """The stream of a whole video file, at `rate` windows per second."""
    encoder = WindowEncoder(model)
    times: list[tuple[float, float]] = []
    embeddings: list[np.ndarray] = []
    request = stream_request(StreamSource("file", str(path)), model, WatchOptions(rate=rate))
    with StreamReader(request) as reader:
        windows = (event for event in reader if isinstance(event, MediaWindow))
        while batch := list(itertools.islice(windows, BATCH_FRAMES)):
            embeddings.append(encoder.encode(batch).embeddings)
            times += [(window.start or 0.0, window.end or 0.0) for window in batch]
    return VideoStream(np.array(times), np.concatenate(embeddings))


def _titles(
    stream: VideoStream, runs: list[slice], model: Model, decoder: YDecoder, voice: Voice | None
) -> list[Sentence]:
    averages = _averages(stream.embeddings, runs)
    if voice is None:
        return decoder.decode(averages)
    titles = []
    for run in runs:
        inside = stream.embeddings[run]
        parts = segment(inside, count=min(_MOST_NOTES, len(inside)))
        titles.append(voice.line([sentence.text for sentence in decoder.decode(_averages(inside, parts))]))
    cosines = np.einsum("be,be->b", model.y_encoder.encode(titles), averages)
    return [
        Sentence(title, float(np.clip(cosine, 0.0, 1.0)))
        for title, cosine in zip(titles, cosines, strict=True)
    ]


def _averages(embeddings: np.ndarray, runs: list[slice]) -> np.ndarray:
    """The mean of each run of Ŝ_Y, float32 [R, E], unit length."""
    means = np.stack([embeddings[run].mean(axis=0) for run in runs])
    unit: np.ndarray = means / np.linalg.norm(means, axis=1, keepdims=True)
    return unit


def _title(sentence: str) -> str:
    """A sentence as a heading: without the full stop, beginning with a capital."""
    text = " ".join(sentence.split()).rstrip(" .")
    return text[:1].upper() + text[1:]


def _joined(chapters: list[Chapter]) -> Chapter:
    best = max(chapter.score for chapter in chapters)
    return Chapter(chapters[0].start, chapters[-1].end, chapters[0].title, best)


def _rounded(seconds: float) -> float:
    return round(float(seconds), 6)
