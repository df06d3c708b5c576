"""Photographs and animated pictures with Pillow: the whole picture, upright, as RGB."""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.limits import size_problem
from jepa_retrieval.media.reasons import NOT_PICTURE, check_regular_file, library_reason
from jepa_retrieval.media.types import MediaInfo

_ORIENTATION_TAG = 0x0112
_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_CLOCKWISE = {3: 180, 4: 180, 5: 90, 6: 90, 7: 270, 8: 270}
_ANIMATED_FORMATS = ("GIF", "WEBP", "PNG", "AVIF")
_LEAST_DELAY = 0.011  # seconds; browsers show a frame with a shorter delay for a tenth of a second
_DEFAULT_DELAY = 0.1
_BACKGROUND = (255, 255, 255)  # behind transparent pictures, as in a browser


def open_picture(path: Path) -> Image.Image:
    """Open a picture and read its header.

    Raises:
        UnreadableMediaError: it is not a picture that Pillow knows, or too large.
    """
    check_regular_file(path)
    _register_heif()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter(
                "ignore"
            )  # of size: our own limit follows; of damage: it shows when decoding
            image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise UnreadableMediaError(path, "its picture is larger than the limit") from error
    except MemoryError as error:
        raise UnreadableMediaError(path, library_reason(error)) from error
    except Exception as error:  # Pillow and its plugins raise whatever damaged bytes lead to
        raise UnreadableMediaError(path, NOT_PICTURE) from error
    if problem := size_problem(*image.size):
        image.close()
        raise UnreadableMediaError(path, problem)
    return image


def _register_heif() -> None:
    """Teach Pillow HEIC, once."""
    if "HEIF" not in Image.OPEN:
        import pillow_heif

        pillow_heif.register_heif_opener(thumbnails=False)


def is_animated(image: Image.Image) -> bool:
    """Whether the picture is to be treated as a video."""
    try:
        return image.format in _ANIMATED_FORMATS and bool(getattr(image, "is_animated", False))
    except Exception:  # the second frame is damaged; the first may still be good
        return False


def picture_info(path: Path, image: Image.Image) -> MediaInfo:
    """Describe a picture; of an animated one all frames are visited for the duration."""
    width, height = displayed_size(image)
    codec = (image.format or "").lower() or None
    if not is_animated(image):
        return MediaInfo(
            "image", None, width, height, None, rotation=_CLOCKWISE.get(_orientation(image), 0), codec=codec
        )
    delays = [delay for delay, _ in _visit(path, image)]
    duration = sum(delays)
    return MediaInfo("video", duration, width, height, len(delays) / duration, codec=codec)


def displayed_size(image: Image.Image) -> tuple[int, int]:
    """Width and height in pixels after EXIF orientation."""
    width, height = image.size
    return (height, width) if _CLOCKWISE.get(_orientation(image)) in (90, 270) else (width, height)


def _orientation(image: Image.Image) -> int:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return int(image.getexif().get(_ORIENTATION_TAG, 1))
    except Exception:  # damaged EXIF raises whatever its bytes lead to; the picture is shown as stored
        return 1


def read_picture(path: Path, image: Image.Image, size: int) -> np.ndarray:
    """Decode a still picture: uint8 [S, S, 3] RGB, the whole picture squeezed to a square, upright.

    Raises:
        UnreadableMediaError: its data is damaged.
    """
    orientation = _orientation(image)
    try:
        image.draft(
            "RGB", (size, size)
        )  # JPEG: decode at a half, a quarter or an eighth where that is enough
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            squeezed = squeeze(image, size)
    except Exception as error:
        raise UnreadableMediaError(path, _decode_reason(error)) from error
    if orientation in _ORIENTATIONS:
        squeezed = squeezed.transpose(_ORIENTATIONS[orientation])
    return np.asarray(squeezed)


def read_animation(path: Path, image: Image.Image, size: int) -> Iterator[tuple[float, float, np.ndarray]]:
    """Yield (start, end, uint8 [S, S, 3]) of each frame of an animated picture, seconds from its beginning."""
    start = 0.0
    for delay, frame in _visit(path, image):
        yield start, start + delay, np.asarray(squeeze(frame, size))
        start += delay


def _visit(path: Path, image: Image.Image) -> Iterator[tuple[float, Image.Image]]:
    """Step through an animated picture: (seconds that a frame is shown, the frame). Stops at damage."""
    for number in itertools.count():
        try:
            image.seek(number)
            image.load()
        except EOFError:
            return
        except Exception as error:
            if number == 0:
                raise UnreadableMediaError(path, _decode_reason(error)) from error
            return
        delay = float(image.info.get("duration") or 0) / 1000.0
        yield (delay if delay > _LEAST_DELAY else _DEFAULT_DELAY), image


def squeeze(image: Image.Image, size: int) -> Image.Image:
    """Convert to RGB over white and squeeze the whole picture to `size` x `size`."""
    rgb = _to_rgb(image)
    return rgb.resize((size, size), Image.Resampling.BICUBIC, reducing_gap=3.0)


def _to_rgb(image: Image.Image) -> Image.Image:
    if image.mode.startswith("I") or image.mode == "F":
        return _deep_to_rgb(image)
    if image.has_transparency_data:
        layer = image.convert("RGBA")
        background = Image.new("RGBA", layer.size, (*_BACKGROUND, 255))
        return Image.alpha_composite(background, layer).convert("RGB")
    return image.convert("RGB")


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and floating-point grey to 8 bits; Pillow itself would clip."""
    values = np.asarray(image, dtype=np.float32)
    if image.mode == "F":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    else:
        low, high = (
            0.0,
            65535.0 if float(values.max(initial=0)) > 255 or image.mode.startswith("I;16") else 255.0,
        )
    scaled = np.nan_to_num((values - low) * (255.0 / max(high - low, 1e-12)))
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8), "L").convert("RGB")


def _decode_reason(error: Exception) -> str:
    if isinstance(error, MemoryError):
        return library_reason(error)
    if "truncated" in str(error).lower():
        return "its picture data is cut off"
    return "its picture data is damaged"
