"""The long, timed videos: their events, their streams of embeddings, and how found borders are counted.

Six are natural videos, seven were joined from short clips of other videos; figures are reported apart, since
the borders of the latter are hard cuts. Tokens of frames are kept in a cache folder: the X-Encoder is frozen,
so a newly trained Predictor runs on the same ones.
"""

from __future__ import annotations

import csv
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.shared.cache import key_of
from benchmarks.shared.common import shared_data
from jepa_retrieval.media import MediaWindow
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.tasks.encoding.windows import fit_of

TOLERANCE = 1.0  # seconds between a found border and the true one
BATCH = 32  # windows
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
    return [read_stream(_folder() / video, model, cache, rate=rate) for video in videos]


def _folder() -> Path:
    return shared_data() / "videos" / "long-timed"


def read_stream(
    path: Path, model: RuntimeModel, cache: Path, *, rate: float = 2.0, name: str | None = None
) -> TimedStream:
    """The stream of one video at `rate` windows per second, called `name` (default: the file's name)."""
    cache.mkdir(parents=True, exist_ok=True)
    kept = cache / f"{_key(path)}-{rate:g}-{fingerprint_of_x_encoder(model.config)[:12]}.npz"
    if not kept.exists():
        request = StreamRequest(
            StreamSource("file", str(path)),
            model.x_encoder.image_size,
            fit_of(model, single_crop=True),
            rate=rate,
        )
        with StreamReader(request) as reader:
            batches = _batches(event for event in reader if isinstance(event, MediaWindow))
            # Frames are released batch by batch: those of an hour would fill the memory.
            encoded = [(model.x_encoder.encode(np.stack(frames)), times) for frames, times in batches]
        tokens = np.concatenate([part for part, _ in encoded])
        times = np.array([time for _, part in encoded for time in part])
        unfinished = kept.with_suffix(".new.npz")
        np.savez(unfinished, tokens=tokens, times=times)
        unfinished.replace(kept)
    with np.load(kept) as data:
        tokens, times = data["tokens"], data["times"]
    embeddings = model.predictor.predict(tokens, [model.prompt] * len(tokens))
    return TimedStream(path.name if name is None else name, times[:, 0], times[:, 1], embeddings)


def _batches(
    windows: Iterable[MediaWindow],
) -> Iterator[tuple[list[np.ndarray], list[tuple[float, float]]]]:
    """Frames and times of up to BATCH windows at a time."""
    rest = iter(windows)
    while part := list(itertools.islice(rest, BATCH)):
        yield (
            [window.frames for window in part],
            [(window.start or 0.0, window.end or 0.0) for window in part],
        )


def _key(path: Path) -> str:
    """The name of a video's cached tokens; videos of different takes may have the same file name."""
    status = path.stat()
    return f"{path.stem}-{key_of(path.resolve(), status.st_size, status.st_mtime_ns).hex()[:12]}"


def true_borders(video: str, events: Sequence[TimedEvent]) -> list[float]:
    """Where the clips of a joined video meet, seconds."""
    return sorted(event.start for event in events if event.video == video)[1:]


def hits(found: Sequence[float], true: Sequence[float], *, tolerance: float = TOLERANCE) -> int:
    """How many true borders were found: each found border counts for one at most, nearest pairs first."""
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
