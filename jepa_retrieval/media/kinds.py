"""Tells pictures from videos by their first bytes; the name decides only where those say nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import check_regular_file, os_reason
from jepa_retrieval.media.suffixes import IMAGE_SUFFIXES

_SIGNATURES = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"BM",
    b"II*\x00",  # TIFF
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000
    b"\xff\x4f\xff\x51",
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_VIDEO_STARTS = (b"\x1aE\xdf\xa3", b"OggS", b"FLV", b"0&\xb2u")  # Matroska, Ogg, Flash, ASF
_STREAMS_OF_JPEG = (".mjpeg", ".mjpg")


def reader_of(path: Path) -> Literal["picture", "video"]:
    """Which reader a file is for: Pillow ("picture", animated ones too) or libav ("video").

    Raises:
        UnreadableMediaError: it is no regular file, empty, or may not be read.
    """
    check_regular_file(path)
    try:
        with path.open("rb") as file:
            head = file.read(32)
    except OSError as error:
        raise UnreadableMediaError(path, os_reason(error)) from error
    suffix = path.suffix.lower()
    if suffix in _STREAMS_OF_JPEG:
        return "video"
    if head.startswith(_SIGNATURES) or (head[:4] == b"RIFF" and head[8:12] == b"WEBP"):
        return "picture"
    if head[4:8] == b"ftyp":
        return "picture" if head[8:12] in _HEIF_BRANDS else "video"
    if head.startswith(_VIDEO_STARTS) or head[:4] == b"RIFF":
        return "video"
    return "picture" if suffix in IMAGE_SUFFIXES else "video"
