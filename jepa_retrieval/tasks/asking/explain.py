"""Inverse dynamics: which action explains the change from one picture to another.

The protocol of WorldPrediction-WM as VL-JEPA uses it (arXiv 2512.10942): the pictures before and after are duplicated
and joined into one clip, the Predictor makes an embedding of it, and the candidate clip that lies nearest is chosen.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from jepa_retrieval.arguments import as_paths
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media import MediaWindow, ReadReport
from jepa_retrieval.models.parts import Model
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.tasks.asking.candidates import softmax
from jepa_retrieval.tasks.encoding.files import encode_interval, encode_windows, first_frame
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.tasks.searching.query import VideoQuery
from jepa_retrieval.user_paths import user_path


@dataclass(frozen=True, slots=True)
class Explained:
    """A candidate action and how well it explains the change."""

    rank: int  # from 1
    path: str
    start: float | None  # seconds; None: the whole file
    end: float | None
    score: float  # cosine, -1 to 1
    probability: float  # softmax over the candidates at the model's temperature; not calibrated


@dataclass(frozen=True, slots=True)
class Explanation:
    """The candidates, best first."""

    before: str
    after: str
    model: str
    elapsed_ms: float
    candidates: tuple[Explained, ...]
    failed: tuple[FileFailure, ...] = ()  # candidates that cannot be decoded, and why
    partial: tuple[FileFailure, ...] = ()  # candidates that could be read in part, and what is missing


def explain(
    before: Path | str,
    after: Path | str,
    clips: VideoQuery | Path | str | Sequence[VideoQuery | Path | str],
    model: Model,
    *,
    prompt: str | None = None,
) -> Explanation:
    """Rank candidate clips by how well what they show explains the change between two pictures.

    Args:
        before: a picture of the state before; of a video, its first frame.
        after: a picture of the state after.
        clips: the candidate actions: videos or intervals of them, or a single one.
        model: any; its Predictor sees the pictures as a clip of two halves.
        prompt: the query X_Q; None for the model's own.

    Raises:
        UsageError: there is no candidate, or none that can be decoded.
        UnreadableMediaError: one of the two pictures cannot be decoded.
    """
    clips = [clips] if isinstance(clips, VideoQuery) else as_paths("clips", clips)
    if not clips:
        raise UsageError("there are no candidate clips")
    began = time.perf_counter()
    query = model.prompt if prompt is None else prompt
    queries = [clip if isinstance(clip, VideoQuery) else VideoQuery(user_path(clip)) for clip in clips]
    change, _ = encode_windows(
        [change_window(user_path(before), user_path(after), model)], model, prompt=query
    )
    found = _encode(queries, model, query)
    if not found.read:
        raise UsageError("; ".join(f"{failure.path}: {failure.error}" for failure in found.failed))
    scores = np.stack(found.embeddings) @ change
    probabilities = softmax(scores, model.temperature)
    ranked = [
        Explained(
            rank,
            url_of(found.read[row].path),
            found.read[row].start,
            found.read[row].end,
            float(scores[row]),
            float(probabilities[row]),
        )
        for rank, row in enumerate(np.argsort(-scores, kind="stable").tolist(), start=1)
    ]
    return Explanation(
        url_of(before),
        url_of(after),
        model.name,
        (time.perf_counter() - began) * 1000,
        tuple(ranked),
        tuple(found.failed),
        tuple(found.partial),
    )


@dataclass(slots=True)
class _Encoded:
    """Candidates that could be read, and what could not."""

    read: list[VideoQuery] = field(default_factory=list)
    embeddings: list[np.ndarray] = field(default_factory=list)  # float32 [E] of each of them
    failed: list[FileFailure] = field(default_factory=list)
    partial: list[FileFailure] = field(default_factory=list)


def _encode(queries: Sequence[VideoQuery], model: Model, prompt: str) -> _Encoded:
    found = _Encoded()
    for path, start, end in queries:
        report = ReadReport()
        try:
            embedding, _ = encode_interval(
                Path(path), model, prompt=prompt, start=start, end=end, report=report
            )
        except UnreadableMediaError as error:
            found.failed.append(FileFailure(url_of(path), error.reason))
            continue
        found.partial += [FileFailure(url_of(path), missing) for missing in report.partial]
        found.read.append(VideoQuery(path, start, end))
        found.embeddings.append(embedding)
    return found


def change_window(before: Path, after: Path, model: Model) -> MediaWindow:
    """Two pictures as one window: each is repeated to fill its half."""
    half = max(1, model.frames_per_window // 2)
    frames = np.stack([first_frame(path, model) for path in (before, after) for _ in range(half)])
    return MediaWindow(start=None, end=None, times=np.arange(len(frames), dtype=np.float64), frames=frames)
