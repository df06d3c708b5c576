"""Photographs: the whole picture, upright, as RGB."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from PIL import Image, ImageFile

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.media.pictures.hdr import shown
from jepa_retrieval.media.pictures.opening import open_picture, own_limit
from jepa_retrieval.media.reasons import library_reason
from jepa_retrieval.media.types import DecodeRequest, ReadReport

_ORIENTATIONS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_FIRST_TURNED = 5  # EXIF orientations from this on turn the picture by 90 degrees
_EXACT_PIXELS = 4  # a JPEG is decoded to at least so many times the size: then its scaling hardly shows
_REDUCING_GAP = 3.0  # pictures are shrunk to at least so many times the size in whole steps, which is quick
_MIN_SHARE = 0.5  # of the rows of a picture that is cut off; one with fewer is not used
_JPEG_SCAN, _PROGRESSIVE_FRAME = b"\xff\xda", b"\xff\xc2"  # markers
_BOTTOM_FIRST = ("BMP", "DIB", "TGA")
_BLOCK_ROWS = 16  # of a JPEG are decoded together; so few lack where its end alone is missing

_lock = threading.Lock()


def read_picture(
    path: Path,
    image: ImageFile.ImageFile,
    size: tuple[int, int],
    *,
    orientation: int,
    transfer: int | None,
    report: ReadReport,
    resampling: Image.Resampling = Image.Resampling.BICUBIC,
    exact: bool = False,
) -> np.ndarray:
    """Decode a still picture: uint8 [h, w, 3] RGB, the whole picture scaled, upright.

    Of a picture that is cut off, what there is of it is used if that is at least half; the rest is blank.

    Args:
        path: what errors call it.
        image: opened, not yet decoded.
        size: width and height to scale to, as shown, pixels.
        orientation: the EXIF orientation to apply.
        transfer: the `hdr_transfer` of the picture.
        report: says if the picture is cut off.
        resampling: Pillow's filter.
        exact: scale in one step, as other programs do it, from more pixels of a JPEG.

    Raises:
        UnreadableMediaError: its data is damaged.
    """
    full_height = image.height
    stored = size if orientation < _FIRST_TURNED else (size[1], size[0])
    enough = _EXACT_PIXELS if exact else 1
    try:
        # JPEG: decode at a half, a quarter or an eighth where that is enough
        image.draft("RGB", (enough * stored[0], enough * stored[1]))
        with own_limit, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                image.load()
            except OSError as error:
                if "truncated" not in str(error).lower():
                    raise
                _load_rest(path, image, full_height, report)
            scaled = _scaled(image, stored, resampling, reducing_gap=None if exact else _REDUCING_GAP)
    except Exception as error:
        raise UnreadableMediaError(path, decode_reason(error)) from error
    if orientation in _ORIENTATIONS:
        scaled = scaled.transpose(_ORIENTATIONS[orientation])
    return shown(np.asarray(scaled), transfer)


def resampling_of(fit: Fit) -> Image.Resampling:
    """Pillow's filter for photographs."""
    return Image.Resampling.BILINEAR if fit.interpolation == "bilinear" else Image.Resampling.BICUBIC


def _load_rest(path: Path, image: ImageFile.ImageFile, full_height: int, report: ReadReport) -> None:
    """Decode what there is of a picture that is cut off, and say how much that is."""
    with _truncated_allowed():
        if _is_stored_in_passes(image):
            image.load()
            report.partial.append("is cut off: some of its detail is missing")
            return
        image.load()
        missing = _missing_jpeg_rows(path, image) if image.format == "JPEG" else _blank_rows(image)
    share = 1 - missing / image.height
    if share < _MIN_SHARE:
        raise OSError("image file is truncated")
    if missing * full_height > _BLOCK_ROWS * image.height:
        report.partial.append(f"is cut off: {share:.0%} of the picture is there")


def _missing_jpeg_rows(path: Path, image: ImageFile.ImageFile) -> int:
    """How many rows of a JPEG that was decoded to the size of `image` could not be.

    Pillow adds an end to the data, which turns missing rows grey, so that they cannot be told from others. So it is
    decoded once more without one.
    """
    with open_picture(path) as again:
        again.draft("RGB", image.size)
        setattr(again, "load_read", again.fp.read)  # type: ignore[union-attr]  # noqa: B010
        again.load()
        return _blank_rows(again)


def _blank_rows(image: ImageFile.ImageFile) -> int:
    """Rows at the end of the data that hold nothing but zeros."""
    rows = np.asarray(image).reshape(image.height, -1)
    if image.format in _BOTTOM_FIRST:
        rows = rows[::-1]
    decoded = np.flatnonzero(rows.any(axis=1))
    return image.height - int(decoded[-1]) - 1 if len(decoded) else image.height


def _is_stored_in_passes(image: ImageFile.ImageFile) -> bool:
    """Whether the data show the whole picture early and refine it, and at least the first pass is there."""
    if image.format == "GIF" or image.info.get("interlace"):
        return True
    if not image.info.get("progressive") or image.fp is None:
        return False
    image.fp.seek(0)
    data = image.fp.read()
    return data.count(_JPEG_SCAN, data.find(_PROGRESSIVE_FRAME)) > 1


@contextmanager
def _truncated_allowed() -> Iterator[None]:
    """Let Pillow accept pictures that are cut off, which it decides for the whole process."""
    with _lock:
        before, ImageFile.LOAD_TRUNCATED_IMAGES = ImageFile.LOAD_TRUNCATED_IMAGES, True
        try:
            yield
        finally:
            ImageFile.LOAD_TRUNCATED_IMAGES = before


def scale(image: Image.Image, request: DecodeRequest, transfer: int | None) -> np.ndarray:
    """A frame of an animated picture as uint8 [h, w, 3] RGB over white, the whole picture scaled.

    Args:
        image: the frame, decoded.
        request: says the size.
        transfer: the `hdr_transfer` of the picture.
    """
    size = request.fit.scaled_size(request.image_size, *image.size)
    scaled = _scaled(image, size, resampling_of(request.fit), reducing_gap=_REDUCING_GAP)
    return shown(np.asarray(scaled), transfer)


def _scaled(
    image: Image.Image, size: tuple[int, int], resampling: Image.Resampling, *, reducing_gap: float | None
) -> Image.Image:
    """The whole picture, scaled, as RGB with 8 bits a colour, over white where it is transparent."""

    def resized(picture: Image.Image) -> Image.Image:
        return picture.resize(size, resampling, reducing_gap=reducing_gap)

    if image.mode.startswith("I") or image.mode == "F":
        image = _deep_to_rgb(image)
    if image.has_transparency_data:
        layer = image if image.mode == "RGBA" else image.convert("RGBA")
        small = np.asarray(resized(layer.convert("RGBa")))  # colours are multiplied by their alpha
        over_white = small[..., :3].astype(np.int16) + (255 - small[..., 3:].astype(np.int16))
        return Image.fromarray(over_white.clip(0, 255).astype(np.uint8))
    return resized(image if image.mode == "RGB" else image.convert("RGB"))


def _deep_to_rgb(image: Image.Image) -> Image.Image:
    """Bring 16-bit, 32-bit and floating-point grey to 8 bits; Pillow itself would clip."""
    values = np.asarray(image, dtype=np.float32)
    if image.mode == "F":
        low, high = float(np.nanmin(values)), float(np.nanmax(values))
    else:
        deep = float(values.max(initial=0)) > 255 or image.mode.startswith("I;16")
        low, high = 0.0, 65535.0 if deep else 255.0
    scaled = np.nan_to_num((values - low) * (255.0 / max(high - low, 1e-12)))
    return Image.fromarray(np.clip(scaled + 0.5, 0, 255).astype(np.uint8), "L").convert("RGB")


def decode_reason(error: Exception) -> str:
    """Why a picture cannot be decoded, in a few words."""
    if isinstance(error, MemoryError):
        return library_reason(error)
    if "truncated" in str(error).lower():
        return "its picture data is cut off"
    return "its picture data is damaged"
