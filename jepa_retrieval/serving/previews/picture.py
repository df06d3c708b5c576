"""A photograph, whatever its format, or a frame of a video, as a WebP or JPEG: upright, no larger than asked for."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image

from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.pictures.picture_file import PictureFile
from jepa_retrieval.media.pictures.still import read_picture
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.serving.previews.request import PreviewRequest

_QUALITY = 85


def convert(request: PreviewRequest) -> bytes:
    """The picture as a file.

    Raises:
        UnreadableMediaError: it cannot be decoded.
    """
    if reader_of(request.file) == "video":
        from jepa_retrieval.serving.previews.transcode import first_picture

        return _encoded(first_picture(request), request.format)
    with PictureFile(request.file, raw=reader_of(request.file) == "raw") as file:
        scale = min(1.0, request.height / max(file.width, file.height))
        size = max(1, round(file.width * scale)), max(1, round(file.height * scale))
        pixels = read_picture(
            file.path,
            file.image,
            size,
            orientation=file.orientation,
            transfer=file.transfer,
            report=ReadReport(),
        )
    return _encoded(pixels, request.format)


def _encoded(pixels: np.ndarray, form: str) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, form.upper(), quality=_QUALITY)
    return buffer.getvalue()
