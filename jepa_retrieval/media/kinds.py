"""Distinguishes pictures from videos by their first bytes, and by the name only where these are not conclusive."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Literal

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import check_regular_file, os_reason
from jepa_retrieval.media.sources.opening import open_binary
from jepa_retrieval.media.suffixes import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    MEDIA_SUFFIXES,
    RAW_SUFFIXES,
    TYPESCRIPT_SUFFIXES,
)

Reader = Literal["picture", "raw", "video"]

_HEAD_BYTES = 1024
_PICTURES = (
    b"\xff\xd8\xff",  # JPEG
    b"\x89PNG\r\n\x1a\n",
    b"GIF8",
    b"II*\x00",  # TIFF
    b"MM\x00*",
    b"\x00\x00\x00\x0cjP  ",  # JPEG 2000
    b"\xff\x4f\xff\x51",
    b"8BPS\x00\x01",  # Photoshop
    b"qoif",
)
_RAW = (
    b"FUJIFILMCCD-RAW",
    b"FOVb",  # Sigma
    b"IIRO",  # Olympus, in three forms
    b"IIRS",
    b"MMOR",
    b"IIU\x00",  # Panasonic
    b"II\x1a\x00\x00\x00HEAPCCDR",  # Canon CRW
    b"\x00MRM",  # Minolta
)
_VIDEOS = (
    b"\x1aE\xdf\xa3",  # Matroska
    b"FLV\x01",
    b"0&\xb2u\x8ef\xcf\x11",  # ASF
    b"\x00\x00\x01\xba",  # MPEG program stream
    b"\x00\x00\x01\xb3",  # MPEG-1 and MPEG-2 video
    b"DHAV",  # Dahua recorders
    b"\x06\x0e+4\x02\x05\x01\x01",  # MXF
    b"nut/multimedia container\x00",
    b"YUV4MPEG2 ",
    b".RMF\x00",
    b"DKIF\x00\x00",  # IVF
    b"\xb7\xd8\x00 7I\xda\x11",  # WTV
)
# The first unit of H.264 is a delimiter or a sequence parameter set, of H.265 a delimiter, a video or a sequence
# parameter set (the NAL unit headers of ITU-T H.264, 7.3.1, and H.265, 7.3.1.2).
_RAW_VIDEO = re.compile(
    rb"\x00?\x00\x00\x01(?:\x09[\x10\x30\x50\x70\x90\xb0\xd0\xf0]|[\x27\x47\x67][\x42\x4d\x58\x64\x6e\x7a\xf4]|[\x40\x42\x46]\x01)"
)
_HEIF_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1", b"avif", b"avis")
_AUDIO_BRANDS = (b"M4A ", b"M4B ", b"M4P ")
_SOUND = re.compile(
    rb"ID3[\x02-\x04]|fLaC|OggS|RF64|riff\x2e\x91|caff\x00|\.snd\x00|FORM....AIF|#!AMR|wvpk|MAC \x96|TTA1|DSD "
    rb"|\.ra\xfd|\x0bw|\x7f\xfe\x80\x01"
    rb"|\xff[\xe2\xe3\xf0-\xf5\xf8-\xfd]",  # frames of MPEG audio and AAC
    re.DOTALL,
)
_RAW_BRAND = b"crx "  # Canon CR3
_FRAMED = re.compile(
    rb"(?s)\A(?:.{4})?\x47.{187}(?:.{4})?\x47"
)  # MPEG transport stream, with a time code or not
_TEXT = re.compile(rb"[\t\n\r\x20-\x7e\x80-\xff]*")
_STREAMS_OF_JPEG = (".mjpeg", ".mjpg")


def reader_of(path: Path) -> Reader:
    """Which reader a file is for: Pillow ("picture", animated ones too; "raw": its preview) or libav ("video").

    Raises:
        UnreadableMediaError: it is no regular file, empty, or may not be read.
    """
    check_regular_file(path)
    try:
        head = _head(path)
    except OSError as error:
        raise UnreadableMediaError(path, os_reason(error)) from error
    suffix = path.suffix.lower()
    if suffix in _STREAMS_OF_JPEG:
        return "video"
    found = _reader_by_content(head)
    if found == "picture" and suffix in RAW_SUFFIXES and head[:4] in (b"II*\x00", b"MM\x00*"):
        return "raw"  # mostly TIFF files, whose main picture only the maker's programs can read
    if found is not None:
        return found
    if head[:4] == b"RIFF" or head[:4] == b"OggS" or head[4:8] == b"ftyp":
        return "video"
    if suffix in RAW_SUFFIXES:
        return "raw"
    return "picture" if suffix in IMAGE_SUFFIXES or head.startswith(b"BM") else "video"


@lru_cache(maxsize=2**16)
def looks_like_media(path: str, size: int, mtime_ns: int) -> bool:
    """Whether the content of a file whose name does not say so is a video or a picture.

    Size and modification time make answers for other contents of the same file distinct.

    Raises:
        OSError: a file that has the suffix of a transport stream cannot be read; other such files are no media.
    """
    if not size:
        return False
    may_be_stream = path.lower().endswith(tuple(TYPESCRIPT_SUFFIXES))
    try:
        head = _head(Path(path))
    except OSError:
        if may_be_stream:
            raise
        return False
    if may_be_stream:
        return _TEXT.fullmatch(head) is None
    return _reader_by_content(head) is not None


def is_media_file(path: Path) -> bool:
    """Whether a file is a video, a picture or sound, by its name or else by its first bytes.

    It is meant for files that must not be lost: what only may be media counts as such.

    Raises:
        OSError: it cannot be read.
    """
    suffix = path.suffix.lower()
    head = _head(path)
    if suffix in TYPESCRIPT_SUFFIXES:
        return _TEXT.fullmatch(head) is None
    if suffix in MEDIA_SUFFIXES or suffix in AUDIO_SUFFIXES:
        return True
    has_container = head[:4] == b"RIFF" or head[4:8] == b"ftyp"
    return has_container or _reader_by_content(head) is not None or _SOUND.match(head) is not None


def _head(path: Path) -> bytes:
    with open_binary(path) as file:
        return file.read(_HEAD_BYTES)


def _reader_by_content(head: bytes) -> Reader | None:
    """The reader for a file that begins with these bytes; None if they do not say."""
    if head[4:8] == b"ftyp":
        brand = head[8:12]
        if brand == _RAW_BRAND:
            return "raw"
        return "picture" if brand in _HEIF_BRANDS else None if brand in _AUDIO_BRANDS else "video"
    if head[:4] == b"RIFF":
        return {b"WEBP": "picture", b"AVI ": "video", b"AMV ": "video"}.get(head[8:12])  # type: ignore[return-value]
    if head[:4] == b"OggS":
        return "video" if b"theora" in head or b"BBCD" in head else None
    if head.startswith(_RAW) or (head[:4] == b"II*\x00" and head[8:10] == b"CR"):
        return "raw"
    if head.startswith(_PICTURES):
        return "picture"
    if head.startswith(_VIDEOS) or _RAW_VIDEO.match(head) or _FRAMED.match(head):
        return "video"
    return None
