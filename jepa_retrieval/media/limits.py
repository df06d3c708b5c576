"""Bounds that keep one hostile or damaged file from exhausting the machine.

Those that a real file may exceed can be raised with an environment variable, which the error names.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from jepa_retrieval.errors import UsageError

MAX_SIDE = 65_535
"""Largest width or height, in pixels, of a picture that is decoded."""

MAX_DURATION = 366 * 86_400.0
"""Longest duration, in seconds, that a file header is believed to have."""

MAX_UNDECIDED_BYTES = 32 * 2**20
"""Maximum bytes of packets held back until it is known whether key frames are dense enough."""

JPEG_SCALE = 8
"""How many times smaller than stored, on each side, a JPEG can be decoded."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A number that a file may not exceed.

    Attributes:
        variable: the environment variable that sets it.
        default: without that.
    """

    variable: str
    default: int

    @property
    def value(self) -> int:
        """The number in force.

        Raises:
            UsageError: the variable is not a number above 0.
        """
        text = os.environ.get(self.variable)
        if not text:
            return self.default
        if not text.isascii() or not text.isdigit() or not int(text[:20]):
            raise UsageError(f"${self.variable} must be a whole number above 0, not {text!r}")
        return int(text[:20])


MAX_PIXELS = Limit("JEPA_MAX_PIXELS", 2**28)
"""Pixels of one picture or frame: 16,384 x 16,384. Of a JPEG those count that it is scaled down to."""

MAX_WORKER_BYTES = Limit("JEPA_MAX_WORKER_BYTES", 8 * 2**30)
"""Bytes of address space that a decoder process may use (Linux and macOS)."""

MAX_SILENCE = Limit("JEPA_MAX_SILENCE", 60)
"""Seconds without a sign of life after which a decoder process is killed."""

MAX_ANIMATION_FRAMES = Limit("JEPA_MAX_ANIMATION_FRAMES", 20_000)
"""Frames of an animated picture that are decoded, one after the other."""

MAX_ANIMATION_PIXELS = Limit("JEPA_MAX_ANIMATION_PIXELS", 2**33)
"""Pixels of all these frames together: 4,142 frames of 1920 x 1080."""


def size_problem(width: int, height: int, *, scale: int = 1) -> str | None:
    """Say why a picture of `width` x `height` pixels is not decoded, or return None.

    Args:
        width: stored width.
        height: stored height.
        scale: how many times smaller, on each side, it will be decoded.
    """
    if width <= 0 or height <= 0:
        return f"its picture size is {width} x {height} pixels"
    size = f"its picture of {width} x {height} pixels"
    if max(width, height) > MAX_SIDE:
        return f"{size} is longer than the limit of {MAX_SIDE:,} pixels"
    if width * height > MAX_PIXELS.value * scale**2:
        limit = f"{MAX_PIXELS.value:,} pixels (${MAX_PIXELS.variable} raises it)"
        return f"{size} is larger than the limit of {limit}"
    return None
