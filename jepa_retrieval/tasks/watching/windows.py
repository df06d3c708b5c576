"""The windows of a stream, with their embeddings, as they come."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import Lost, Returned
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.workers.stream import StreamProcess
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.streams import STREAM_BATCH_FRAMES, stream_request
from jepa_retrieval.tasks.encoding.windows import WindowEncoder


@dataclass(frozen=True, slots=True, eq=False)
class SeenWindow:
    """A window of a stream."""

    start: float  # seconds
    end: float
    embedding: np.ndarray  # Ŝ_Y, float32 [E], unit length
    picture: bytes | None  # JPEG


def seen_windows(
    source: StreamSource, model: Model, *, rate: float, prompt: str | None = None
) -> Iterator[SeenWindow | Lost | Returned]:
    """Read a stream to its end; a live one that is lost is connected again, for as long as it takes.

    Args:
        source: what to read.
        model: whose X-Encoder and Predictor make the embeddings.
        rate: windows per second.
        prompt: the query X_Q; None for the model's own.

    Raises:
        UnreadableMediaError: the source cannot be opened, or has no picture.
    """
    encoder = WindowEncoder(model, prompt=prompt)
    encoder.prepare()
    request = stream_request(source, model, rate=rate, thumbnails=True)
    frames = request.frames_per_step * (2 * request.reach + 1)
    with StreamProcess(request) as reader:
        for item in in_batches(reader, max(1, STREAM_BATCH_FRAMES // frames)):
            if not isinstance(item, list):
                yield item
                continue
            for window, embedding in zip(item, encoder.encode(item).embeddings, strict=True):
                yield SeenWindow(window.start or 0.0, window.end or 0.0, embedding, window.thumbnail)


def in_batches(reader: StreamProcess, max_windows: int) -> Iterator[list[MediaWindow] | Lost | Returned]:
    """Windows in batches: full ones of a file, whatever is there of a live stream."""
    batch: list[MediaWindow] = []
    for event in reader:
        if isinstance(event, MediaWindow):
            batch.append(event)
            if len(batch) < max_windows and not (reader.counters.live and reader.waiting == 0):
                continue
        if batch:
            yield batch
            batch = []
        if not isinstance(event, MediaWindow):
            yield event
    if batch:
        yield batch
