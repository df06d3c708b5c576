"""Bounds that keep one hostile or damaged file from taking the machine down."""

MAX_SIDE = 65_535
"""Largest width or height, in pixels, of a picture that is decoded."""

MAX_PIXELS = 2**27
"""Most pixels of one picture that is decoded: 11,585 x 11,585, four times an 8K frame."""

MAX_DURATION = 366 * 86_400.0
"""Longest duration, in seconds, that a file header is believed to have."""

MAX_UNDECIDED_BYTES = 32 * 2**20
"""Most bytes of packets that are held back while it is open whether key frames are dense enough."""

WORKER_ADDRESS_SPACE = 8 * 2**30
"""Bytes of address space that a decoder process may use (Linux and macOS)."""


def size_problem(width: int, height: int) -> str | None:
    """Say why a picture of `width` x `height` pixels is not decoded, or return None."""
    if width <= 0 or height <= 0:
        return f"its picture size is {width} x {height} pixels"
    if max(width, height) > MAX_SIDE:
        return f"its picture of {width} x {height} pixels is longer than the limit of {MAX_SIDE:,} pixels"
    if width * height > MAX_PIXELS:
        return f"its picture of {width} x {height} pixels is larger than the limit of {MAX_PIXELS:,} pixels"
    return None
