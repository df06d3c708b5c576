"""Photographs with a high dynamic range (HEIC, AVIF), as a standard display shows them."""

from __future__ import annotations

import contextlib

import numpy as np
from PIL import Image

from jepa_retrieval.media.video.tone_mapping import is_hdr, to_sdr

_HEAD_BYTES = 2**16  # the box lies before the picture data
_COLOUR_BOX = b"colrnclx"  # ISO/IEC 14496-12, 12.1.5: two bytes each of primaries, transfer and matrix follow


def hdr_transfer(image: Image.Image) -> int | None:
    """The transfer characteristics (ITU-T H.273, table 3) of a picture in PQ or HLG; None for any other.

    The first picture of the file counts: gain maps and thumbnails follow it.
    """
    transfer = None
    if image.format == "HEIF":
        transfer = (image.info.get("nclx_profile") or {}).get("transfer_characteristics")
    elif image.format == "AVIF":
        transfer = _stated_in_box(image)
    return transfer if isinstance(transfer, int) and is_hdr(transfer) else None


def shown(pixels: np.ndarray, transfer: int | None) -> np.ndarray:
    """Pixels, uint8 [H, W, 3], as a standard display shows them; without a transfer they are so already."""
    return pixels if transfer is None else to_sdr(pixels.astype(np.uint16) * 257, transfer)


def _stated_in_box(image: Image.Image) -> int | None:
    """What the colour box of an AVIF file says; Pillow does not tell."""
    with contextlib.suppress(OSError, ValueError), open(image.filename, "rb") as file:  # type: ignore[attr-defined]  # noqa: PTH123
        head = file.read(_HEAD_BYTES)
        at = head.find(_COLOUR_BOX)
        if at >= 0:
            return int.from_bytes(head[at + len(_COLOUR_BOX) + 2 : at + len(_COLOUR_BOX) + 4], "big")
    return None
