"""What goes into and comes out of reading a stream."""

from __future__ import annotations

import math
from dataclasses import dataclass

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.frame_fit import SQUEEZE, Fit
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.types import MediaWindow


@dataclass(frozen=True, slots=True)
class StreamRequest:
    """What to watch, and how.

    Attributes:
        source: where it comes from.
        image_size: side S of the squares that pictures become, pixels.
        fit: how they become square.
        rate: windows per second.
        frames_per_step: maximum number of frames between two windows' beginnings.
        reach: steps on each side of its own whose frames a window sees too.
        thumbnails: whether windows carry a JPEG.
        live: whether to drop windows rather than fall behind; None: if the source has no end.
        timeout: seconds without an answer after which a connection counts as lost.
        first_delay: seconds until a lost connection is tried again; doubled every time, up to `max_delay`.
        max_delay: maximum seconds between two attempts.
        give_up: seconds without a picture after which a lost source is given up.
        max_lag: seconds behind a live source above which key frames alone are decoded.
        seconds: of the stream to read; None for all of it.
        elapsed: seconds of a live stream that went by before; times go on from there.
    """

    source: StreamSource
    image_size: int
    fit: Fit = SQUEEZE
    rate: float = 2.0
    frames_per_step: int = 1
    reach: int = 0
    thumbnails: bool = False
    live: bool | None = None
    timeout: float = 10.0
    first_delay: float = 0.5
    max_delay: float = 30.0
    give_up: float = math.inf
    max_lag: float = 5.0
    seconds: float | None = None
    elapsed: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.rate <= 60:
            raise UsageError(f"rate must be above 0 and at most 60 windows per second, not {self.rate:g}")
        if self.seconds is not None and not self.seconds > 0:
            raise UsageError(f"seconds must be above 0, not {self.seconds:g}")
        for name in ("timeout", "first_delay", "max_delay", "give_up"):
            if not getattr(self, name) > 0:
                raise UsageError(f"{name} must be seconds above 0, not {getattr(self, name):g}")


@dataclass(frozen=True, slots=True)
class Lost:
    """The connection broke off; what follows comes after a gap."""

    reason: str  # a few words
    retry_in: float  # seconds


@dataclass(frozen=True, slots=True)
class Returned:
    """Pictures arrive again."""

    after: float  # seconds without


@dataclass(slots=True)
class StreamCounters:
    """What happened while reading; grows as the stream is read."""

    live: bool = False
    connections: int = 0
    damaged: int = 0  # packets that could not be read or decoded
    clock_jumps: int = 0
    dropped: int = 0  # windows that the consumer was too slow for
    lag: float = 0.0  # seconds that the reader is behind a live source
    partial: str | None = None  # of a file that is not whole: what is missing, in a few words
    skipping: bool = False  # whether key frames alone are decoded, to catch up


StreamEvent = MediaWindow | Lost | Returned
