"""What a frame-wise X-Encoder looks at in a window: whole frames, and the middle of some."""

from __future__ import annotations

import numpy as np

from jepa_retrieval.media import MediaWindow


def glances(window: MediaWindow, *, centre: float) -> np.ndarray:
    """The pictures that a window's tokens are the mean of, uint8 [G, S, S, 3].

    What matters is mostly in the middle and small. A photograph is seen whole and in its middle; of a video's frames,
    which resemble each other anyway, every second one is seen in its middle, so that nothing costs more.

    Args:
        window: its frames are uint8 [T, S, S, 3].
        centre: side of the middle as a share of the picture's side; 0 takes the frames as they are.
    """
    frames = window.frames
    if not centre:
        return frames
    if window.start is None and len(frames) == 1:
        return np.concatenate([frames, middle(frames, centre)])
    seen = frames.copy()
    seen[1::2] = middle(frames[1::2], centre)
    return seen


def middle(frames: np.ndarray, share: float) -> np.ndarray:
    """The middle of each frame, enlarged to the frame's size: uint8 [T, S, S, 3] to the same."""
    from PIL import Image

    size = frames.shape[1]
    edge = size * (1 - share) / 2
    box = (edge, edge, size - edge, size - edge)
    seen = np.empty_like(frames)
    for row, frame in enumerate(frames):
        seen[row] = Image.fromarray(frame).resize((size, size), Image.Resampling.BICUBIC, box=box)
    return seen
