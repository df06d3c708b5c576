"""RAW photographs: the largest JPEG that the camera has embedded, which shows what the photographer saw."""

from __future__ import annotations

import mmap
from pathlib import Path

from PIL import Image, ImageFile

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.pictures.opening import open_picture, stated_orientation
from jepa_retrieval.media.reasons import IS_EMPTY, check_regular_file, os_reason
from jepa_retrieval.media.sources.opening import contents, open_binary

_JPEG_START = b"\xff\xd8\xff"
_MAX_JPEGS = 256  # that are looked at in one file; cameras embed two to five
_MIN_SIDE = 120  # pixels; smaller ones are icons
_LOSSY_FRAMES = (
    0xC0,
    0xC1,
    0xC2,
)  # markers of ITU-T T.81, table B.1; C3 is lossless and holds the sensor's data
_OTHER_FRAMES = (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF)


def open_preview(path: Path) -> tuple[ImageFile.ImageFile, int]:
    """The largest embedded JPEG, and the EXIF orientation that it is to be shown with.

    Raises:
        UnreadableMediaError: there is none.
    """
    check_regular_file(path)
    try:
        with contents(path) as data:
            position = _largest_jpeg(data)
            content = None if position is None else data[position:]
    except (OSError, ValueError) as error:
        reason = os_reason(error) if isinstance(error, OSError) else IS_EMPTY
        raise UnreadableMediaError(path, reason) from error
    if content is None:
        raise UnreadableMediaError(path, "is a RAW photograph without a preview that can be read")
    image = open_picture(path, content=content)
    own = stated_orientation(image)
    return image, _orientation_of_container(path) if own is None else own


def _largest_jpeg(data: mmap.mmap | bytes) -> int | None:
    """Where the JPEG with the most pixels begins."""
    best: tuple[int, int] | None = None  # pixels, position
    position = data.find(_JPEG_START)
    for _ in range(_MAX_JPEGS):
        if position < 0:
            break
        width, height = _jpeg_size(data, position)
        if min(width, height) >= _MIN_SIDE and (best is None or width * height > best[0]):
            best = width * height, position
        position = data.find(_JPEG_START, position + len(_JPEG_START))
    return None if best is None else best[1]


def _jpeg_size(data: mmap.mmap | bytes, position: int) -> tuple[int, int]:
    """Width and height of the JPEG at `position`; (0, 0) if it is damaged, without loss, or deeper than 8 bits."""
    position += 2
    while position + 9 < len(data) and data[position] == 0xFF:
        marker = data[position + 1]
        if marker in _LOSSY_FRAMES and data[position + 4] == 8:
            height, width = data[position + 5 : position + 7], data[position + 7 : position + 9]
            return int.from_bytes(width, "big"), int.from_bytes(height, "big")
        if marker in _LOSSY_FRAMES or marker in _OTHER_FRAMES or marker == 0xDA:
            break
        position += 2 + int.from_bytes(data[position + 2 : position + 4], "big")
    return 0, 0


def _orientation_of_container(path: Path) -> int:
    """The orientation that a RAW format based on TIFF states; 1 for others."""
    exif = Image.Exif()
    try:
        with open_binary(path) as file:
            if file.read(2) not in (b"II", b"MM"):
                return 1
            file.seek(0)
            exif.load_from_fp(file)
            value = exif.get(0x0112, 1)
    except Exception:  # damaged, or a format of its own: shown as stored
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1
