"""Photographs with a high dynamic range (HEIC, AVIF, PNG, or by an ICC profile), as a standard display shows them."""

from __future__ import annotations

import contextlib
from typing import IO

import numpy as np
from PIL import Image

from jepa_retrieval.media.video.tone_mapping import PQ, is_hdr, to_sdr

_HEAD_BYTES = 2**16  # the box lies before the picture data
_COLOUR_BOX = b"colrnclx"  # ISO/IEC 14496-12, 12.1.5: two bytes each of primaries, transfer and matrix follow
_PNG_SIGNATURE_BYTES = 8
_MAX_PNG_CHUNKS = 1000  # before the picture data
_PQ_PROFILE = (
    b"ITUR_2100_PQ_FULL\0"  # https://www.w3.org/TR/png-hdr-pq/: its name alone says that the signal is PQ
)
_ICC_HEADER_BYTES, _ICC_ENTRY_BYTES, _MAX_ICC_TAGS = 128, 12, 1000


def hdr_transfer(image: Image.Image) -> int | None:
    """The transfer characteristics (ITU-T H.273, table 3) of a picture in PQ or HLG; None for any other.

    What the format itself states goes before the ICC profile. The first picture of the file counts: gain maps and
    thumbnails follow it.

    Args:
        image: opened, not yet decoded.
    """
    stated = None
    if image.format == "HEIF":
        stated = (image.info.get("nclx_profile") or {}).get("transfer_characteristics")
    elif image.format in ("AVIF", "PNG"):
        stated = _stated_in_file(image)
    transfer = _stated_in_profile(image.info.get("icc_profile")) if stated is None else stated
    return transfer if isinstance(transfer, int) and is_hdr(transfer) else None


def shown(pixels: np.ndarray, transfer: int | None) -> np.ndarray:
    """Pixels, uint8 [H, W, 3], as a standard display shows them; without a transfer they are so already."""
    return pixels if transfer is None else to_sdr(pixels.astype(np.uint16) * 257, transfer)


def _stated_in_file(image: Image.Image) -> int | None:
    """What an AVIF or PNG file says before its picture data; Pillow does not tell. Its position stays as it is."""
    file: IO[bytes] | None = getattr(image, "fp", None)
    if file is None:
        return None
    with contextlib.suppress(OSError, ValueError):
        before = file.tell()
        try:
            file.seek(0)
            return _in_png(file) if image.format == "PNG" else _in_box(file.read(_HEAD_BYTES))
        finally:
            file.seek(before)
    return None


def _in_box(head: bytes) -> int | None:
    at = head.find(_COLOUR_BOX)
    if at < 0:
        return None
    return int.from_bytes(head[at + len(_COLOUR_BOX) + 2 : at + len(_COLOUR_BOX) + 4], "big")


def _in_png(file: IO[bytes]) -> int | None:
    """By the chunk cICP, else by the name of the profile: https://www.w3.org/TR/png-3/#cICP-chunk."""
    file.seek(_PNG_SIGNATURE_BYTES)
    found = None
    for _ in range(_MAX_PNG_CHUNKS):
        header = file.read(8)
        size, kind = int.from_bytes(header[:4], "big"), header[4:]
        if len(header) < 8 or kind == b"IDAT":
            break
        start = file.read(min(size, len(_PQ_PROFILE)))
        if kind == b"cICP" and size == 4:  # primaries, transfer, matrix, range
            return start[1]
        if kind == b"iCCP" and start == _PQ_PROFILE:
            found = PQ
        file.seek(size - len(start) + 4, 1)  # and its checksum
    return found


def _stated_in_profile(profile: object) -> int | None:
    """The tag cicp of an ICC profile, ICC.1:2022, 9.2.17 and 10.3."""
    if not isinstance(profile, bytes):
        return None
    tags = profile[_ICC_HEADER_BYTES + 4 :]
    count = int.from_bytes(profile[_ICC_HEADER_BYTES : _ICC_HEADER_BYTES + 4], "big")
    for number in range(min(count, _MAX_ICC_TAGS)):
        entry = tags[number * _ICC_ENTRY_BYTES : (number + 1) * _ICC_ENTRY_BYTES]
        if entry[:4] == b"cicp":
            at = int.from_bytes(entry[4:8], "big")
            value = profile[at : at + 12]  # type, reserved, then as in PNG
            return value[9] if len(value) == 12 and value[:4] == b"cicp" else None
    return None
