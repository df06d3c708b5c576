"""Surprise by V-JEPA 2's own predictor, by the protocol of its test of intuitive physics.

A window slides over the video. Its first frames are the context, the tokens of the others are predicted; the surprise
is the mean absolute difference from the tokens that came, the least of several lengths of the context
(Garrido et al. 2025, arXiv 2502.11831).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.arguments import as_count
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import DecodeRequest, decode_windows
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.cuts import Cuts, find_cuts
from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor
from jepa_retrieval.tasks.foreseeing.surprise import DEFAULT_MIN_Z, FileSurprise, file_surprise, robust_z

_BATCH = 4  # windows
_READ_SECONDS = 2.0  # of frames that are decoded at a time
_SIDE = 8  # squares per side whose colours are compared for cuts
# Root mean square difference of frames of different videos, colours 0 to 1: the median of 1,770 pairs of web videos.
UNRELATED = 0.3


@dataclass(frozen=True, kw_only=True)
class WindowProtocol:
    """How a video is cut into windows, and how much of each is context."""

    frames: int = 16  # of a window
    rate: float = 6.0  # frames per second
    contexts: tuple[int, ...] = (4, 6, 8, 10, 12, 14)  # frames

    def check(self, tubelet: int) -> None:
        """Raise `UsageError` for lengths that tokens of `tubelet` frames cannot have."""
        if not 0 < self.rate <= 60:
            raise UsageError(f"rate must be above 0 and at most 60 frames per second, not {self.rate:g}")
        if not 2 * tubelet <= self.frames <= 256 or self.frames % tubelet:
            raise UsageError(f"frames must be a multiple of {tubelet}, 2 of them to 256, not {self.frames}")
        if not self.contexts or any(
            not tubelet <= length < self.frames or length % tubelet for length in self.contexts
        ):
            raise UsageError(
                f"contexts must be multiples of {tubelet} below {self.frames}, not {list(self.contexts)}"
            )


@dataclass(frozen=True, slots=True, eq=False)
class WindowLosses:
    """The losses of the windows of one video, which slide by one tubelet."""

    times: np.ndarray  # float64 [R], seconds where each row of `tubelet` frames begins
    losses: np.ndarray  # float32 [contexts, R], of the window that ends with the row; NaN without one
    cuts: Cuts  # rows
    end: float  # seconds

    @property
    def surprise(self) -> np.ndarray:
        """The least loss over the lengths of the context, float32 [R]."""
        least: np.ndarray = self.losses.min(axis=0)
        return least


def window_losses(
    path: Path,
    predictor: PretrainedPredictor,
    protocol: WindowProtocol | None = None,
    *,
    report: ReadReport | None = None,
) -> WindowLosses:
    """The losses of every window of a video. Windows with a cut or a flash in them have none.

    Args:
        path: the video.
        predictor: encodes and predicts.
        protocol: None: windows of 16 frames, at 6 frames per second.
        report: gets, in `partial`, what of it could not be read.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
        UsageError: it is a picture, or shorter than a window; the protocol does not fit the predictor.
    """
    protocol = protocol or WindowProtocol()
    protocol.check(predictor.tubelet)
    size = protocol.frames // predictor.tubelet  # of a window, rows
    times: list[float] = []
    looks: list[np.ndarray] = []
    held: list[np.ndarray] = []  # the rows that later windows need
    found: list[np.ndarray] = []
    last = 0.0
    for start, end, row in _rows(path, predictor, protocol, report):
        last = end
        times.append(start)
        looks.append(_look(row))
        held.append(row)
        if len(held) == size + _BATCH - 1:
            found.append(_losses(held, size, predictor, protocol))
            del held[:_BATCH]
    if len(times) < size:
        raise UsageError(
            f"{path}: has {len(times) * predictor.tubelet} frames at {protocol.rate:g} frames per second; "
            f"a window takes {protocol.frames}"
        )
    if len(held) >= size:
        found.append(_losses(held, size, predictor, protocol))
    nothing = np.full((len(protocol.contexts), size - 1), np.nan, np.float32)
    losses = np.concatenate([nothing, *found], axis=1)
    cuts = find_cuts(np.stack(looks), unrelated=UNRELATED)
    for at in cuts.starts:  # windows that reach across the cut
        losses[:, at : at + size - 1] = np.nan
    for at in cuts.flashes:
        losses[:, at : at + size] = np.nan
    return WindowLosses(np.array(times), losses, cuts, last)


def surprise_by_predictor(
    path: Path,
    predictor: PretrainedPredictor,
    *,
    protocol: WindowProtocol | None = None,
    top: int = 10,
    min_z: float = DEFAULT_MIN_Z,
) -> FileSurprise:
    """The intervals of a video that V-JEPA 2's predictor did not foresee. A window stands where its last frames are.

    Args:
        path: the video.
        predictor: encodes and predicts.
        protocol: None: windows of 16 frames, at 6 frames per second.
        top: at most so many intervals.
        min_z: only windows with this robust z-score within the file, or more.

    Raises:
        UnreadableMediaError: the file cannot be decoded.
        UsageError: it is a picture, or shorter than a window.
    """
    as_count("top", top)
    report = ReadReport()
    windows = window_losses(path, predictor, protocol, report=report)
    raw = windows.surprise
    times = np.stack([windows.times, np.append(windows.times[1:], windows.end)], axis=1)
    return file_surprise(
        path, predictor.name, times, raw, robust_z(raw), windows.cuts, top=top, min_z=min_z, report=report
    )


def _rows(
    path: Path, predictor: PretrainedPredictor, protocol: WindowProtocol, report: ReadReport | None
) -> Iterator[tuple[float, float, np.ndarray]]:
    """Start and end in seconds of every `tubelet` frames, and these, uint8 [tubelet, S, S, 3]."""
    request = DecodeRequest(
        path,
        image_size=predictor.image_size,
        fit=Fit("crop", short_side=predictor.short_side, interpolation="bilinear", single_crop=True),
        window=_READ_SECONDS,
        sampling=protocol.rate,
        frames_per_window=max(1, round(_READ_SECONDS * protocol.rate)),
        thumbnails=False,
        hash_content=False,
    )
    frames: list[np.ndarray] = []
    start = 0.0
    for window in decode_windows(request, report=report):
        if window.start is None or window.end is None:
            raise UsageError(f"{path}: is a picture; states follow each other in a video")
        ends = np.append(window.times[1:], window.end)
        for time, end, frame in zip(window.times.tolist(), ends.tolist(), window.frames, strict=True):
            start = start if frames else time
            frames.append(frame)
            if len(frames) == predictor.tubelet:
                yield start, end, np.stack(frames)
                frames = []


def _losses(
    rows: list[np.ndarray], size: int, predictor: PretrainedPredictor, protocol: WindowProtocol
) -> np.ndarray:
    windows = [np.concatenate(rows[first : first + size]) for first in range(len(rows) - size + 1)]
    return predictor.losses(np.stack(windows), protocol.contexts)


def _look(row: np.ndarray) -> np.ndarray:
    """The mean colours of 8 x 8 squares of a row's first frame, 0 to 1, float32 [192]."""
    side = row.shape[1]
    edges = np.linspace(0, side, _SIDE + 1).astype(int)
    sums = np.add.reduceat(np.add.reduceat(row[0].astype(np.float32), edges[:-1], 0), edges[:-1], 1)
    counts = np.diff(edges)
    means: np.ndarray = sums / (255.0 * np.outer(counts, counts)[..., np.newaxis])
    return means.ravel()
