"""A media file, or an interval of it, to windows, tokens and embeddings: the one place where this is done.

`streams` does the same for what runs on. Importing this module loads no decoder.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from jepa_retrieval.media import (
    Decoder,
    DecodeRequest,
    MediaWindow,
    ReadReport,
    Sampling,
    decode_windows,
)
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.windows import WindowEncoder, fit_of
from jepa_retrieval.times import check_interval
from jepa_retrieval.user_paths import user_path

WINDOW_SECONDS = 2.0
_BATCH_WINDOWS = 4


def decode_request(
    path: Path | str,
    model: Model,
    *,
    sampling: Sampling = "auto",
    start: float | None = None,
    end: float | None = None,
    thumbnails: bool = False,
    hash_content: bool = True,
    decoder: Decoder = "auto",
    sound: bool = False,
) -> DecodeRequest:
    """How a file, or an interval of it, is decoded for a model.

    Raises:
        UsageError: the interval is not valid.
    """
    check_interval(path, start, end)
    return DecodeRequest(
        user_path(path),
        image_size=model.x_encoder.image_size,
        fit=fit_of(model),
        window=WINDOW_SECONDS,
        sampling=sampling,
        frames_per_window=model.frames_per_window,
        start=start,
        end=end,
        thumbnails=thumbnails,
        hash_content=hash_content,
        decoder=decoder,
        sound=sound,
    )


def encode_interval(
    path: Path,
    model: Model,
    *,
    prompt: str | None = None,
    start: float | None = None,
    end: float | None = None,
    report: ReadReport | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """A file, or an interval of it, as one clip: Ŝ_Y float32 [E], unit length, and S_V float32 [N, D].

    Both are means over the file's windows, as a stored clip's are. `report` gets, in `partial`, what is missing.

    Raises:
        UnreadableMediaError: the file cannot be decoded, or has no frame there.
    """
    request = decode_request(path, model, start=start, end=end, hash_content=False)
    windows = decode_windows(request, report=report)
    return encode_windows(windows, model, prompt=prompt)


def encode_windows(
    windows: Iterable[MediaWindow], model: Model, *, prompt: str | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Windows as one clip: the mean of their Ŝ_Y, float32 [E], unit length, and of their S_V, float32 [N, D]."""
    encoder = WindowEncoder(model, prompt=prompt)
    embedding, tokens, count = np.zeros(model.embedding_size, np.float32), np.zeros((), np.float32), 0
    rest = iter(windows)
    while batch := list(itertools.islice(rest, _BATCH_WINDOWS)):
        encoded = encoder.encode(batch)
        embedding = embedding + encoded.embeddings.sum(axis=0)
        tokens = tokens + encoded.tokens.sum(axis=0)
        count += len(batch)
    return (embedding / np.linalg.norm(embedding)).astype(np.float32), tokens / count


def first_frame(path: Path, model: Model) -> np.ndarray:
    """A picture, or a video's first frame, as the X-Encoder takes it: uint8 [S, S, 3].

    Raises:
        UnreadableMediaError: the file cannot be decoded.
    """
    fit = fit_of(model, single_crop=True)
    request = replace(decode_request(path, model, hash_content=False), fit=fit)
    frames: np.ndarray = next(decode_windows(request)).frames[0]
    return frames
