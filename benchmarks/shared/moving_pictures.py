"""Synthetic scenes: a camera that pans and zooms over a photograph."""

from __future__ import annotations

import numpy as np
from PIL import Image


def moving_frames(
    picture: Image.Image, *, size: int, count: int, smallest: float, random: np.random.Generator
) -> list[np.ndarray]:
    """`count` frames, uint8 [size, size, 3], from one random crop to another.

    A crop shows `smallest` to all of the picture's sides.
    """
    first, last = _crop(picture, smallest, random), _crop(picture, smallest, random)
    boxes = [first + (last - first) * step / max(count - 1, 1) for step in range(count)]
    return [
        np.asarray(picture.resize((size, size), Image.Resampling.BILINEAR, box=tuple(box))) for box in boxes
    ]


def _crop(picture: Image.Image, smallest: float, random: np.random.Generator) -> np.ndarray:
    share = random.uniform(smallest, 1.0)
    width, height = picture.width * share, picture.height * share
    left, top = random.uniform(0, picture.width - width), random.uniform(0, picture.height - height)
    return np.array([left, top, left + width, top + height])
