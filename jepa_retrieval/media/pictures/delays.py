"""How long the frames of an animated picture are shown, and how far they reach, read without decoding any."""

from __future__ import annotations

import contextlib
import mmap
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

from jepa_retrieval.media.sources.opening import contents

Bytes = mmap.mmap | bytes


def read_delays(path: Path, form: str | None) -> list[float]:
    """The delay of each frame, seconds; empty if the format does not tell, or the file is damaged.

    Args:
        path: the file.
        form: Pillow's name of its format.
    """
    reader = _READERS.get(form or "")
    if reader is None:
        return []
    try:
        with contents(path) as data:
            return list(reader(data))
    except (OSError, ValueError, IndexError, struct.error):
        return []


def gif_extents(path: Path) -> list[tuple[int, int]]:
    """Where the frames of a GIF end, pixels from the left and from the top, as far as its chunks are not damaged.

    A frame may be larger than the picture that the header states.
    """
    found: list[tuple[int, int]] = []
    with contextlib.suppress(OSError, ValueError, IndexError, struct.error), contents(path) as data:
        for _, right, bottom in _gif_frames(data):
            found.append((right, bottom))
    return found


def _webp(data: Bytes) -> Iterator[float]:
    """ANMF chunks, https://developers.google.com/speed/webp/docs/riff_container"""
    position = 12
    while position + 8 <= len(data):
        (size,) = struct.unpack_from("<I", data, position + 4)
        if data[position : position + 4] == b"ANMF" and position + 24 <= len(data):
            yield int.from_bytes(data[position + 20 : position + 23], "little") / 1000
        position += 8 + size + (size & 1)


def _png(data: Bytes) -> Iterator[float]:
    """fcTL chunks, https://www.w3.org/TR/png-3/#fcTL-chunk"""
    position = 8
    while position + 8 <= len(data):
        (size,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 8] == b"fcTL":
            numerator, denominator = struct.unpack_from(">HH", data, position + 28)
            yield numerator / (denominator or 100)
        position += 12 + size


def _gif(data: Bytes) -> Iterator[float]:
    return (delay for delay, _, _ in _gif_frames(data))


def _gif_frames(data: Bytes) -> Iterator[tuple[float, int, int]]:
    """Delay, right and bottom end of each frame, from graphic control extensions and image descriptors.

    https://www.w3.org/Graphics/GIF/spec-gif89a.txt
    """
    position = 13 + _colour_table(data[10])
    delay = 0.0
    while data[position] != 0x3B:  # the trailer
        if data[position] == 0x21:  # an extension
            if data[position + 1] == 0xF9:
                delay = struct.unpack_from("<H", data, position + 4)[0] / 100
            position += 2
        elif data[position] == 0x2C:  # an image
            left, top, width, height = struct.unpack_from("<HHHH", data, position + 1)
            yield delay, left + width, top + height
            delay = 0.0
            position += 11 + _colour_table(data[position + 9])
        else:
            return
        while size := data[position]:
            position += 1 + size
        position += 1


def _colour_table(flags: int) -> int:
    """Bytes of the colour table that these flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


_READERS: dict[str, Callable[[Bytes], Iterator[float]]] = {"WEBP": _webp, "PNG": _png, "GIF": _gif}
