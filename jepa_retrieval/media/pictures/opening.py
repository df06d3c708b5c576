"""Opens pictures with Pillow: formats by allow-list, sizes within limits."""

from __future__ import annotations

import threading
import warnings
from io import BytesIO
from pathlib import Path

from PIL import Image, ImageFile

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import JPEG_SCALE, size_problem
from jepa_retrieval.media.reasons import NOT_PICTURE, check_regular_file, library_reason, os_reason
from jepa_retrieval.media.sources.opening import open_binary
from jepa_retrieval.source_paths import is_ordinary

FORMATS = (
    "AVIF", "BMP", "DIB", "GIF", "HEIF", "ICO", "JPEG", "JPEG2000", "PCX", "PNG", "PPM", "PSD", "QOI", "TIFF",
    "WEBP",
)  # fmt: skip
"""Pillow's formats that are read. Pillow knows others, some of which start programs or open other files."""

_BY_SUFFIX = {".tga": ("TGA",)}  # a format that has no signature, so almost anything may be taken for it
_ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
_ORIENTATION_TAG = 0x0112
_CLOCKWISE = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}


def open_picture(path: Path, *, content: bytes | None = None) -> ImageFile.ImageFile:
    """Open a picture and read its header.

    Args:
        path: the file.
        content: the picture itself, if it is embedded in the file.

    Raises:
        UnreadableMediaError: it is not a picture of the allowed formats, or too large.
    """
    check_regular_file(path)
    _register_heif()
    formats = _BY_SUFFIX.get(path.suffix.lower(), FORMATS)
    try:
        with own_limit, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damage: it shows when decoding
            if content is None and not is_ordinary(path):  # a picture is decoded whole
                with open_binary(path) as file:
                    content = file.read()
            image = Image.open(path if content is None else BytesIO(content), formats=formats)
    except MemoryError as error:
        raise UnreadableMediaError(path, library_reason(error)) from error
    except Exception as error:  # Pillow and its plugins raise whatever damaged bytes lead to
        reason = os_reason(error) if isinstance(error, OSError) and error.errno else NOT_PICTURE
        raise UnreadableMediaError(path, reason) from error
    scale = JPEG_SCALE if image.format in ("JPEG", "MPO") else 1
    if problem := size_problem(*image.size, scale=scale):
        image.close()
        raise UnreadableMediaError(path, problem)
    return image


def _register_heif() -> None:
    """Teach Pillow HEIC, once."""
    if "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)


class _OwnLimit:
    """A context in which our own limit applies, which is larger than Pillow's and can be raised.

    Outside of such contexts Pillow's limit applies as before.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._pillows: int | None = None

    def __enter__(self) -> None:
        with self._lock:
            if not self._inside:
                self._pillows, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None
            self._inside += 1

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._inside -= 1
            if not self._inside:
                Image.MAX_IMAGE_PIXELS = self._pillows


own_limit = _OwnLimit()


def is_animated(image: Image.Image) -> bool:
    """Whether the picture is to be treated as a video."""
    try:
        return image.format in _ANIMATED_FORMATS and bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame is damaged; the first may still be good
        return False


def stated_orientation(image: Image.Image) -> int | None:
    """The EXIF orientation that the file states, 1 to 8; None if it states none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            value = int(image.getexif()[_ORIENTATION_TAG])
    except Exception:  # there is none; or it is damaged, which raises whatever its bytes lead to
        return None
    return value if 1 <= value <= 8 else None


def clockwise(orientation: int | None) -> int:
    """Degrees clockwise, 0, 90, 180 or 270, that an EXIF orientation turns a picture by."""
    return _CLOCKWISE.get(orientation or 1, 0)


def displayed_size(image: Image.Image, orientation: int) -> tuple[int, int]:
    """Width and height in pixels after an EXIF orientation was applied."""
    width, height = image.size
    return (height, width) if clockwise(orientation) in (90, 270) else (width, height)
