"""Makes pictures and videos in which something is written, with the font that comes with Pillow."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw, ImageFont

SIZE = (320, 192)
Sign = Sequence[tuple[str, tuple[int, int]]]  # texts, and where each begins


def sign(*texts: tuple[str, tuple[int, int]], height: int = 28, background: str = "darkgreen") -> Image.Image:
    """A picture with texts of so many pixels."""
    picture = Image.new("RGB", SIZE, background)
    draw = ImageDraw.Draw(picture)
    for text, place in texts:
        draw.text(place, text, fill="white", font=ImageFont.load_default(height))
    return picture


def sign_video(path: Path, signs: Sequence[Image.Image], *, seconds_each: float = 2.0) -> Path:
    """A video that shows one picture after the other."""
    with av.open(str(path), "w") as file:
        stream = file.add_stream("libx264", rate=4, options={"preset": "ultrafast", "crf": "18"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for picture in signs:
            for _ in range(round(4 * seconds_each)):
                file.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")))
        file.mux(stream.encode(None))
    return path
