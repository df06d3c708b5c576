"""The long, timed videos: their events, their streams of embeddings, and how found borders are counted.

Six are natural videos, seven were joined from short clips of other videos; figures are reported apart, since
the borders of the latter are hard cuts. Tokens of frames are kept in a cache folder: the X-Encoder is frozen,
so a newly trained Predictor runs on the same ones.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.common import shared_data
from jepa_retrieval.media import MediaWindow
from jepa_retrieval.media.stream import StreamReader, StreamRequest
from jepa_retrieval.media.stream_source import StreamSource
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.runtime.model import RuntimeModel

TOLERANCE = 1.0  # seconds between a found border and the true one
JOINED = "long_"  # how the names of joined videos begin


@dataclass(frozen=True, slots=True)
class TimedEvent:
    """What happens from `start` to `end` seconds of a video."""

    video: str
    start: float
    end: float
    caption: str

    @property
    def joined(self) -> bool:
        """Whether its video was joined from clips."""
        return self.video.startswith(JOINED)


@dataclass(frozen=True, slots=True, eq=False)
class TimedStream:
    """The windows of one video."""

    video: str
    starts: np.ndarray  # float64 [W], seconds
    ends: np.ndarray
    embeddings: np.ndarray  # Ŝ_Y, float32 [W, E], unit length

    @property
    def joined(self) -> bool:
        """Whether the video was joined from clips."""
        return self.video.startswith(JOINED)

    @property
    def seconds(self) -> float:
        """Length of the video."""
        return float(self.ends[-1])


def read_events() -> list[TimedEvent]:
    """All annotated events, in the manifest's order."""
    with (_folder() / "MANIFEST.tsv").open(encoding="utf-8", newline="") as file:
        return [
            TimedEvent(
                row["file"],
                float(row["start_s"]),
                float(row["end_s"]),
                re.sub(r"^\(\w+ annotator\) ", "", row["caption"]),
            )
            for row in csv.DictReader(file, delimiter="\t")
        ]


def read_streams(model: RuntimeModel, cache: Path, *, rate: float = 2.0) -> list[TimedStream]:
    """The stream of every video at `rate` windows per second."""
    videos = list(dict.fromkeys(event.video for event in read_events()))
    return [_stream(_folder() / video, model, cache, rate=rate) for video in videos]


def _folder() -> Path:
    return shared_data() / "videos" / "long-timed"


def _stream(path: Path, model: RuntimeModel, cache: Path, *, rate: float) -> TimedStream:
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{path.stem}-{rate:g}-{fingerprint_of_x_encoder(model.config)[:12]}.npz"
    if not kept.exists():
        request = StreamRequest(StreamSource("file", str(path)), model.x_encoder.image_size, rate=rate)
        with StreamReader(request) as reader:
            windows = [event for event in reader if isinstance(event, MediaWindow)]
        frames = np.stack([window.frames for window in windows])
        times = np.array([(window.start, window.end) for window in windows])
        np.savez(kept, tokens=model.x_encoder.encode(frames), times=times)
    with np.load(kept) as data:
        tokens, times = data["tokens"], data["times"]
    embeddings = model.predictor.predict(tokens, [model.prompt] * len(tokens))
    return TimedStream(path.name, times[:, 0], times[:, 1], embeddings)


def true_borders(video: str, events: Sequence[TimedEvent]) -> list[float]:
    """Where the clips of a joined video meet, seconds."""
    return sorted(event.start for event in events if event.video == video)[1:]


def hits(found: Sequence[float], true: Sequence[float], *, tolerance: float = TOLERANCE) -> int:
    """How many true borders were found: each found one counts for one at most, the nearest pairs first."""
    pairs = sorted(
        (abs(a - b), i, j)
        for (i, a), (j, b) in itertools.product(enumerate(found), enumerate(true))
        if abs(a - b) <= tolerance + 1e-9
    )
    used_found: set[int] = set()
    used_true: set[int] = set()
    for _, i, j in pairs:
        if i not in used_found and j not in used_true:
            used_found.add(i)
            used_true.add(j)
    return len(used_true)
