"""A stream, or a video read as one, to windows that slide over it and their embeddings."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.media import MediaWindow
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.media.workers.stream import StreamProcess
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.files import WINDOW_SECONDS
from jepa_retrieval.tasks.encoding.windows import WindowEncoder, fit_of

STREAM_BATCH_FRAMES = 16


@dataclass(frozen=True, slots=True, eq=False)
class VideoStream:
    """The windows of one whole video."""

    times: np.ndarray  # float64 [W, 2], start and end of each window, seconds
    embeddings: np.ndarray  # Ŝ_Y, float32 [W, E], unit length
    partial: str | None = None  # what of the file is missing, in a few words; None if it is whole


def encode_stream(path: Path, model: Model, *, rate: float) -> VideoStream:
    """The stream of a whole video file, at `rate` windows per second.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
    """
    encoder = WindowEncoder(model)
    times: list[tuple[float, float]] = []
    embeddings: list[np.ndarray] = []
    with StreamProcess(stream_request(StreamSource("file", str(path)), model, rate=rate)) as reader:
        windows = (event for event in reader if isinstance(event, MediaWindow))
        while batch := list(itertools.islice(windows, STREAM_BATCH_FRAMES)):
            embeddings.append(encoder.encode(batch).embeddings)
            times += [(window.start or 0.0, window.end or 0.0) for window in batch]
    return VideoStream(np.array(times), np.concatenate(embeddings), reader.counters.partial)


def stream_request(
    source: StreamSource,
    model: Model,
    *,
    rate: float,
    thumbnails: bool = False,
    live: bool | None = None,
    timeout: float = 10.0,
    give_up: float = float("inf"),
    seconds: float | None = None,
) -> StreamRequest:
    """How a model's windows are read from a stream; `StreamRequest` describes the last four.

    A frame-wise X-Encoder sees one frame a window. Another needs `frames_per_window` frames over some seconds: its
    windows overlap.

    Args:
        source: what is read.
        model: whose X-Encoder sees the windows.
        rate: windows per second.
        thumbnails: whether windows carry a JPEG.
    """
    frames, reach = 1, 0
    if not model.x_encoder.framewise:
        steps = max(1, round(WINDOW_SECONDS * rate))
        reach = steps // 2
        frames = max(1, round(model.frames_per_window / (2 * reach + 1)))
    return StreamRequest(
        source,
        model.x_encoder.image_size,
        fit_of(model),
        rate=rate,
        frames_per_step=frames,
        reach=reach,
        thumbnails=thumbnails,
        live=live,
        timeout=timeout,
        give_up=give_up,
        seconds=seconds,
    )
