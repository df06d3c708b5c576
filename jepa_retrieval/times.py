"""Times of media: as text for terminals, pages and subtitles, and checked."""

from __future__ import annotations

import math
import numbers
from typing import TYPE_CHECKING

from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from fractions import Fraction  # with decimal, too slow for what every command imports

# Seconds between the marks of an axis.
_STEPS = (
    0.05,
    0.1,
    0.2,
    0.5,
    1,
    2,
    5,
    10,
    15,
    30,
    60,
    120,
    300,
    600,
    900,
    1800,
    3600,
    7200,
    14400,
    21600,
    43200,
    86400,
)


def format_time(seconds: float, *, decimals: int = 0) -> str:
    """`m:ss`, or `h:mm:ss` from one hour on; with `decimals`, `m:ss.d`.

    Whole seconds are rounded down, as a player's clock shows them; decimals to the nearest, halves up. The page of
    the server follows the same rules (`serving/page/dom.js`), for intervals too.
    """
    per_second = 10**decimals
    units = math.floor(seconds * per_second + 0.5) if decimals else math.floor(seconds + 1e-6)
    hours, minutes, second, rest = _split(units, per_second)
    last = f"{second:02d}.{rest:0{decimals}d}" if decimals else f"{second:02d}"
    return f"{hours}:{minutes:02d}:{last}" if hours else f"{minutes}:{last}"


def format_tenths(seconds: float) -> str:
    """`m:ss`, with tenths of a second where the time has them: `0:04.5`, `0:10`."""
    tenths = math.floor(seconds * 10 + 0.5)
    return format_time(tenths / 10, decimals=1 if tenths % 10 else 0)


def format_interval(start: float | None, end: float | None, *, none: str = "-") -> str:
    """`m:ss-m:ss`, with tenths where a time has them (`0:04.5-0:10`); `none` for an image, which has no time.

    Both ends are rounded in the same way, so that an interval ends where the next one begins.
    """
    if start is None or end is None:
        return none
    begin, finish = format_tenths(start), format_tenths(end)
    if begin == finish:  # less than a tenth of a second must not read as nothing
        begin, finish = format_time(start, decimals=3), format_time(end, decimals=3)
    return f"{begin}-{finish}"


def subtitle_time(seconds: float, *, point: str) -> str:
    """`hh:mm:ss` and milliseconds after `point`: "," in SubRip, "." in WebVTT; hours may have more digits."""
    hours, minutes, second, milliseconds = _split(round(seconds * 1000), 1000)
    return f"{hours:02d}:{minutes:02d}:{second:02d}{point}{milliseconds:03d}"


def time_ticks(start: float, end: float, *, most: int = 8) -> list[tuple[float, str]]:
    """Times from `start` to `end` for an axis, at round distances, each with its text; about `most` of them."""
    length = max(end - start, 1e-3)
    step = next(
        (step for step in _STEPS if length / step <= most), _STEPS[-1] * math.ceil(length / most / _STEPS[-1])
    )
    numbers = range(math.ceil(start / step - 1e-9), math.floor(end / step + 1e-9) + 1)
    decimals = 0 if step >= 1 else 1 if step >= 0.1 else 2
    return [(number * step, format_time(number * step, decimals=decimals)) for number in numbers]


def _split(units: int, per_second: int) -> tuple[int, int, int, int]:
    """Hours, minutes, seconds, and the units that are left."""
    whole, rest = divmod(units, per_second)
    minutes, second = divmod(whole, 60)
    return *divmod(minutes, 60), second, rest


def check_interval(name: object, start: float | None, end: float | None) -> None:
    """Refuse an interval of a file that is none; times are seconds, None the file's own ends.

    Raises:
        UsageError: a time is not a finite number of at least 0, or the end does not lie after the start.
    """
    for what, value in (("start", start), ("end", end)):
        if value is not None and not is_seconds(value):
            shown = str(value) if len(str(value)) <= 20 else f"{str(value)[:20]}..."
            raise UsageError(f"{name}: the {what} must be a number of seconds of at least 0, not {shown}")
    if end is not None and end <= (start or 0.0):
        raise UsageError(f"{name}: the interval from {start or 0:g} to {end:g} s ends before it starts")


def is_seconds(value: object) -> bool:
    """Whether a value is a finite number of at least 0."""
    try:
        return isinstance(value, numbers.Real) and math.isfinite(value) and float(value) >= 0
    except OverflowError:  # a whole number of hundreds of digits
        return False


def rate_text(rate: Fraction) -> str:
    """Frames per second in at most three decimals: `25`, `29.97`, `23.976`."""
    return f"{float(rate):.3f}".rstrip("0").rstrip(".")
