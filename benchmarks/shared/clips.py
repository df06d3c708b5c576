"""Clips to S_V as the paper does it: frames spread evenly over the whole clip, seen at once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from benchmarks.datasets.shapes import Clip
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import (
    Decoded,
    DecodePool,
    DecodeRequest,
    Failed,
    Finished,
    MediaWindow,
    probe,
    read_windows,
)
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.models.parts import Model
from jepa_retrieval.tasks.encoding.windows import fit_of

FRAMES = (
    8  # of a clip, for an X-Encoder that sees frames one by one; another gets as many as it was built for
)
UNKNOWN_SECONDS = 600.0  # length that is assumed for a video whose header does not state one
WORKERS = 2
PICTURES_AHEAD = 64  # that are read into memory at a time


def frames_per_clip(model: Model) -> int:
    """How many frames of a clip the model sees."""
    return FRAMES if model.x_encoder.framewise else model.frames_per_window


def read_clips(model: Model, clips: Iterable[Clip]) -> Iterator[tuple[Clip, np.ndarray | str]]:
    """Frames of each clip, uint8 [crops, T, S, S, 3] with 1 to `frames_per_clip` frames, or why there are none.

    Pictures come first, then videos in the order in which they are ready. A video that crashes or hangs its decoder
    costs itself alone.
    """
    pictures: list[Clip] = []
    videos: list[Clip] = []
    for clip in clips:
        try:
            (pictures if reader_of(clip.path) == "picture" else videos).append(clip)
        except UnreadableMediaError as error:
            yield clip, error.reason
    with ThreadPoolExecutor(WORKERS) as threads:
        for start in range(0, len(pictures), PICTURES_AHEAD):
            part = pictures[start : start + PICTURES_AHEAD]
            yield from zip(part, threads.map(lambda clip: _read_picture(model, clip), part), strict=True)
    if videos:
        yield from _read_videos(model, videos)


def _read_picture(model: Model, clip: Clip) -> np.ndarray | str:
    try:
        windows = list(read_windows(_request(clip, model)))
    except UnreadableMediaError as error:
        return error.reason
    return _thin(np.concatenate([window.by_crop() for window in windows], axis=1), frames_per_clip(model))


def _read_videos(model: Model, clips: list[Clip]) -> Iterator[tuple[Clip, np.ndarray | str]]:
    failed: list[tuple[Clip, str]] = []
    asked: dict[DecodeRequest, Clip] = {}

    def requests() -> Iterator[DecodeRequest]:
        for clip in clips:
            try:
                request = _request(clip, model)
            except UnreadableMediaError as error:
                failed.append((clip, error.reason))
                continue
            asked[request] = clip
            yield request

    read: dict[DecodeRequest, list[np.ndarray]] = {}
    with DecodePool(WORKERS) as pool:
        for event in pool.run(requests()):
            if isinstance(event, Decoded):
                read.setdefault(event.request, []).extend(window.by_crop() for window in event.windows)
            elif isinstance(event, Failed):
                read.pop(event.request, None)
                yield asked[event.request], event.reason
            elif isinstance(event, Finished):
                frames = np.concatenate(read.pop(event.request), axis=1)
                yield asked[event.request], _thin(frames, frames_per_clip(model))
    yield from failed


def _request(clip: Clip, model: Model) -> DecodeRequest:
    """What to decode so that one window covers the clip."""
    size, fit, count = model.x_encoder.image_size, fit_of(model), frames_per_clip(model)
    info = probe(clip.path)
    if info.kind == "image":
        return DecodeRequest(clip.path, image_size=size, fit=fit, thumbnails=False)
    start = clip.start or 0.0
    end = min(clip.end if clip.end is not None else np.inf, info.duration or np.inf)
    if not start < end:
        raise UnreadableMediaError(clip.path, f"it ends at {end:g} s, before {start:g} s")
    seconds = end - start if np.isfinite(end) else UNKNOWN_SECONDS
    return DecodeRequest(
        clip.path,
        image_size=size,
        fit=fit,
        window=seconds,
        sampling=count / seconds,
        frames_per_window=count,
        start=clip.start,
        end=clip.end,
        thumbnails=False,
    )


def _thin(frames: np.ndarray, count: int) -> np.ndarray:
    """At most `count` of the frames [crops, T, ...], evenly spread: a header may tell too few."""
    if frames.shape[1] <= count:
        return frames
    return frames[:, np.arange(count) * frames.shape[1] // count]


def as_window(frames: np.ndarray) -> MediaWindow:
    """Frames [crops, T, S, S, 3] as the window that the X-Encoder sees; one frame alone is a photograph."""
    crops, count = frames.shape[:2]
    return MediaWindow(None, None, np.zeros(count), frames.reshape(-1, *frames.shape[2:]), crops=crops)
