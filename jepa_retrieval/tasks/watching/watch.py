"""Describe a video, a camera or a stream as it runs: one sentence whenever its meaning has shifted."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import Lost, Returned, StreamCounters
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.workers.stream import StreamProcess
from jepa_retrieval.models.parts import Model, YDecoder
from jepa_retrieval.tasks.encoding.streams import STREAM_BATCH_FRAMES, stream_request
from jepa_retrieval.tasks.encoding.windows import WindowEncoder
from jepa_retrieval.tasks.watching.alerts import DEFAULT_CONFIDENCE, Alert, AlertWatch
from jepa_retrieval.tasks.watching.shifts import (
    Cause,
    OnlineSegmenter,
    ShiftOptions,
    StreamedWindow,
    StreamInterval,
)
from jepa_retrieval.tasks.watching.surprises import StreamSurprise, SurpriseOptions, SurpriseWatch
from jepa_retrieval.tasks.watching.windows import in_batches

MAX_RATE = 60.0  # windows a second
UNIFORM_RATE = 1.0  # decodes a second that selective decoding is compared with

Embedding = Literal["average", "midpoint"]


@dataclass(frozen=True, slots=True)
class WatchOptions:
    """How to watch.

    Attributes:
        rate: windows per second.
        shifts: when to decode.
        embedding: what is decoded: the average of an interval, or the window in its middle.
        prompt: the query X_Q; None for the model's own.
        alerts: sentences to report when they become true.
        alert_confidence: minimum confidence to fire an alert, 0 to 1.
        surprise: report what the scene did not lead one to expect; None: do not.
        pictures: whether sentences carry a JPEG.
        seconds: of the stream to watch; None for all of it.
        live, timeout, give_up: see `StreamRequest`.
    """

    rate: float = 2.0
    shifts: ShiftOptions = field(default_factory=ShiftOptions)
    embedding: Embedding = "average"
    prompt: str | None = None
    alerts: Sequence[str] = ()
    alert_confidence: float = DEFAULT_CONFIDENCE
    surprise: SurpriseOptions | None = None
    pictures: bool = False
    seconds: float | None = None
    live: bool | None = None
    timeout: float = 10.0
    give_up: float = float("inf")

    def __post_init__(self) -> None:
        if self.embedding not in ("average", "midpoint"):
            raise UsageError(f"embedding must be 'average' or 'midpoint', not {self.embedding!r}")
        if self.seconds is not None and not self.seconds > 0:
            raise UsageError(f"seconds must be above 0, not {self.seconds}")
        if not 0 < self.rate <= MAX_RATE:
            raise UsageError(
                f"rate must be above 0 and at most {MAX_RATE:g} windows per second, not {self.rate}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class Described:
    """A decoded interval of the stream."""

    start: float  # seconds
    end: float
    text: str
    score: float  # confidence of the sentence, 0 to 1
    windows: int
    cause: Cause  # why the interval ended
    picture: bytes | None = None  # JPEG of the window in its middle


@dataclass(frozen=True, slots=True)
class Observed:
    """A window, and the local variance of the stream there."""

    start: float  # seconds
    end: float
    variance: float


@dataclass(slots=True)
class WatchCounters:
    """Counts and times of a watched stream."""

    windows: int = 0
    seconds: float = 0.0  # of the stream
    decodes: int = 0
    alerts: int = 0
    surprises: int = 0
    losses: int = 0  # of the connection
    lag: float = 0.0  # seconds behind a live stream
    max_lag: float = 0.0
    elapsed: float = 0.0  # seconds since watching began
    stream: StreamCounters = field(default_factory=StreamCounters)  # the reader's own

    @property
    def uniform_decodes(self) -> int:
        """How many decodes uniform decoding, once a second, would have taken."""
        return round(self.seconds * UNIFORM_RATE)

    @property
    def saved(self) -> float:
        """Factor by which decodes are fewer than with uniform decoding; 0 before the first."""
        return self.seconds * UNIFORM_RATE / self.decodes if self.decodes else 0.0


WatchEvent = Described | Observed | Alert | StreamSurprise | Lost | Returned


class Watcher:
    """Watches one stream once.

    Args:
        source: what to watch.
        model: whose Ŝ_Y make the stream.
        decoder: turns them into sentences.
        options: how.
    """

    def __init__(
        self, source: StreamSource, model: Model, decoder: YDecoder, options: WatchOptions | None = None
    ) -> None:
        self._options = options = options or WatchOptions()
        self._decoder = decoder
        self._encoder = WindowEncoder(model, prompt=options.prompt)
        self._request = stream_request(
            source,
            model,
            rate=options.rate,
            thumbnails=options.pictures,
            live=options.live,
            timeout=options.timeout,
            give_up=options.give_up,
            seconds=options.seconds,
        )
        self.surprises: SurpriseWatch | None = None
        if options.surprise is not None:
            self.surprises = SurpriseWatch(model, source.name, options.rate, options.surprise)
            self._request = self.surprises.request(self._request)
        self._segmenter = OnlineSegmenter(options.rate, options.shifts)
        self._alerts = AlertWatch(options.alerts, model, confidence=options.alert_confidence)
        self.warnings = self._alerts.warnings  # why an alert may mean little, one sentence each
        self.counters = WatchCounters()

    def run(self) -> Iterator[WatchEvent]:
        """Watch until the stream ends; yields each event as soon as it is known.

        Raises:
            UnreadableMediaError: the source cannot be opened, has no picture, or was given up.
        """
        began = time.monotonic()
        with StreamProcess(self._request) as reader:
            self.counters.stream = reader.counters
            for item in in_batches(reader, max(1, STREAM_BATCH_FRAMES // self._frames_per_window)):
                self.counters.elapsed = time.monotonic() - began
                if isinstance(item, list):
                    self._note_lag(reader)
                    yield from self._take(item)
                    continue
                if isinstance(item, Lost):
                    self.counters.losses += 1
                    yield from self._decode(self._segmenter.gap())
                    self._alerts.gap()
                    if self.surprises is not None:
                        self.surprises.gap()
                yield item
            yield from self.finish()
        self.counters.elapsed = time.monotonic() - began

    @property
    def source_name(self) -> str:
        """What messages call the source: never with the password."""
        return self._request.source.name

    def finish(self) -> Iterator[Described]:
        """Decode the open interval, and keep what was learnt: at the end, and when watching was interrupted."""
        if self.surprises is not None:
            self.surprises.save()
        yield from self._decode(self._segmenter.finish())

    @property
    def _frames_per_window(self) -> int:
        return self._request.frames_per_step * (2 * self._request.reach + 1)

    def _note_lag(self, reader: StreamProcess) -> None:
        if reader.counters.live:
            self.counters.lag = reader.counters.lag + reader.waiting / self._options.rate
            self.counters.max_lag = max(self.counters.max_lag, self.counters.lag)

    def _take(self, windows: list[MediaWindow]) -> Iterator[WatchEvent]:
        seen = windows if self.surprises is None else [self.surprises.small(window) for window in windows]
        embeddings = self._encoder.encode(seen).embeddings
        for window, embedding in zip(windows, embeddings, strict=True):
            start, end = window.start or 0.0, window.end or 0.0
            self.counters.windows += 1
            self.counters.seconds += end - start
            intervals = self._segmenter.push(StreamedWindow(start, end, embedding, window.thumbnail))
            yield Observed(start, end, self._segmenter.variance)
            for alert in self._alerts.push(start, end, embedding):
                self.counters.alerts += 1
                yield alert
            if self.surprises is not None:
                for surprise in self.surprises.push(window):
                    self.counters.surprises += 1
                    yield surprise
            yield from self._decode(intervals)

    def _decode(self, intervals: list[StreamInterval]) -> Iterator[Described]:
        if not intervals:
            return
        chosen = np.stack([getattr(interval, self._options.embedding) for interval in intervals])
        for interval, sentence in zip(intervals, self._decoder.decode(chosen), strict=True):
            self.counters.decodes += 1
            yield Described(
                interval.start,
                interval.end,
                sentence.text,
                sentence.confidence,
                interval.windows,
                interval.cause,
                interval.thumbnail,
            )
