"""Windows of frames to embeddings: X-Encoder, then Predictor, in batches that mix files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from jepa_retrieval.media import MediaWindow
from jepa_retrieval.media.frame_arrays import joined, stacked
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.models.parts import Model

# Stored S_V are averaged down to this many tokens: V-JEPA 2 gives thousands per window, megabytes per clip.
MAX_STORED_TOKENS = 32


class EncodedWindows(NamedTuple):
    """B windows after the X-Encoder and the Predictor."""

    embeddings: np.ndarray  # Ŝ_Y, float32 [B, E], unit length
    tokens: np.ndarray  # S_V, float32 [B, N, D]


class WindowEncoder:
    """Runs X-Encoder and Predictor over windows under one prompt."""

    def __init__(self, model: Model, *, prompt: str | None = None) -> None:
        self.model = model
        self.prompt = model.prompt if prompt is None else prompt

    def prepare(self) -> None:
        """Load what `encode` needs, rather than at its first call."""
        _ = self.model.x_encoder, self.model.predictor

    def encode(self, windows: Sequence[MediaWindow]) -> EncodedWindows:
        """Encode B windows, each with 1 to `frames_per_window` frames.

        A frame-wise X-Encoder encodes each of the window's views, and the tokens are their mean; another takes
        exactly `frames_per_window` frames, an image or a short window being repeated to fill them, and the tokens are
        the mean over the window's crops.
        """
        tokens = self.encode_tokens(windows)
        embeddings = self.model.predictor.predict(tokens, [self.prompt] * len(windows))
        return EncodedWindows(embeddings, tokens)

    def encode_tokens(self, windows: Sequence[MediaWindow]) -> np.ndarray:
        """S_V alone of B windows, float32 [B, N, D]."""
        if self.model.x_encoder.framewise:
            centre = self.model.x_encoder.centre
            return self._encode_frames([views(window, centre=centre) for window in windows])
        clips = [self._fill(frames) for window in windows for frames in window.by_crop()]
        tokens = self.model.x_encoder.encode(stacked(clips))
        return _mean_of_groups(tokens, [window.crops for window in windows])

    def _encode_frames(self, groups: Sequence[Any]) -> np.ndarray:
        tokens = self.model.x_encoder.encode(joined(groups)[:, np.newaxis])
        return _mean_of_groups(tokens, [len(group) for group in groups])

    def _fill(self, frames: Any) -> Any:
        wanted = self.model.frames_per_window
        return frames[np.arange(wanted) * len(frames) // wanted]


def _mean_of_groups(tokens: np.ndarray, lengths: Sequence[int]) -> np.ndarray:
    """The mean of each group of neighbours: float [sum of lengths, N, D] to float [groups, N, D]."""
    counts = np.array(lengths)
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
    means: np.ndarray = np.add.reduceat(tokens, starts, axis=0) / counts[:, np.newaxis, np.newaxis]
    return means


def fit_of(model: Model, *, single_crop: bool = False) -> Fit:
    """How pictures become the squares of a model's X-Encoder; `single_crop`: one of each, also of long ones."""
    encoder = model.x_encoder
    return Fit(
        encoder.frame_fit,
        short_side=encoder.short_side,
        interpolation=encoder.interpolation,
        single_crop=single_crop,
    )


def pool_tokens(tokens: np.ndarray, *, limit: int = MAX_STORED_TOKENS) -> np.ndarray:
    """Average neighbouring tokens until at most `limit` are left: float [N, D] to float [min(N, limit), D]."""
    if len(tokens) <= limit:
        return tokens
    edges = np.linspace(0, len(tokens), limit + 1).astype(int)
    sums = np.add.reduceat(tokens, edges[:-1], axis=0)
    return sums / np.diff(edges)[:, np.newaxis]


def views(window: MediaWindow, *, centre: float) -> Any:
    """The pictures that a window's tokens are the mean of, uint8 [G, S, S, 3]; a tensor if it is a `GpuWindow`.

    The subject is often small and near the centre. A photograph is encoded whole and as its centre crop; of a video's
    frames, which resemble each other, every second one is replaced by its centre crop, at no extra cost.

    Args:
        window: its frames are uint8 [T, S, S, 3].
        centre: side of the centre crop as a share of the picture's side; 0 leaves the frames as they are.
    """
    frames = window.frames
    if not centre:
        return frames
    if window.start is None and len(frames) == 1:
        return joined([frames, centre_crop(frames, centre)])
    shown = joined([frames])  # a copy
    shown[1::2] = centre_crop(frames[1::2], centre)
    return shown


def centre_crop(frames: Any, share: float) -> Any:
    """The centre of each frame, enlarged to the frame's size: uint8 [T, S, S, 3], array or tensor, to the same."""
    if not isinstance(frames, np.ndarray):
        from jepa_retrieval.media.gpu import scaling

        return scaling.centre_crop(frames, share)
    from PIL import Image

    size = frames.shape[1]
    edge = size * (1 - share) / 2
    box = (edge, edge, size - edge, size - edge)
    seen = np.empty_like(frames)
    for row, frame in enumerate(frames):
        seen[row] = Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC, box=box)
    return seen
