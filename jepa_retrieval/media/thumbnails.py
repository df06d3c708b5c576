"""Small JPEGs of windows, made from the scaled picture so that they cost next to nothing."""

from __future__ import annotations

import io

import numpy as np

THUMBNAIL_SIDE = 256  # pixels, the longest side
_QUALITY = 80


def make_thumbnail(frame: np.ndarray, aspect: float) -> bytes:
    """Bring a scaled `frame` (uint8 [h, w, 3]) to its true aspect (width / height); return a JPEG."""
    from PIL import Image

    aspect = min(max(aspect, 1 / 8), 8.0)  # a very long strip would leave no picture to see
    width = THUMBNAIL_SIDE if aspect >= 1 else max(1, round(THUMBNAIL_SIDE * aspect))
    height = THUMBNAIL_SIDE if aspect <= 1 else max(1, round(THUMBNAIL_SIDE / aspect))
    picture = Image.fromarray(frame).resize((width, height), Image.Resampling.BILINEAR)
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
