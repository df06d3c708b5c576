"""SMPTE timecode: frame numbers as hours, minutes, seconds and frames (SMPTE ST 12-1).

At 29.97 and 59.94 frames per second, drop-frame timecode leaves out two (four) numbers at the beginning of every
minute but each tenth, so that it agrees with the clock. No frame is dropped.
"""

from __future__ import annotations

import re
from fractions import Fraction

from jepa_retrieval.errors import UsageError

MAX_COUNTED_RATE = 100  # frames per second that two digits count
_DROP_RATES = {Fraction(30_000, 1001): 2, Fraction(60_000, 1001): 4}  # numbers left out in a minute
_TIMECODE = re.compile(r"(\d\d):(\d\d):(\d\d)([:;.])(\d\d\d?)")
_DAY_HOURS = 24


def drops_frames(rate: Fraction) -> bool:
    """Whether drop-frame timecode is usual for a frame rate."""
    return rate in _DROP_RATES


def counted_rate(rate: Fraction) -> int:
    """Frames that a second of timecode counts: 30 for 29.97."""
    return max(1, round(rate))


def timecode(frame: int, rate: Fraction, *, drop: bool) -> str:
    """The timecode of a frame, as `01:00:00:00`; with `;` before the frames if numbers are dropped.

    Hours begin anew after a day.

    Raises:
        UsageError: `drop` at a rate without drop-frame timecode.
    """
    per_second = counted_rate(rate)
    if drop:
        frame += _numbers_left_out(frame, rate)
    seconds, frames = divmod(frame, per_second)
    minutes, seconds = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours % _DAY_HOURS:02d}:{minutes:02d}:{seconds:02d}{';' if drop else ':'}{frames:02d}"


def frames_of(text: str, rate: Fraction) -> int:
    """The number of the frame that has a timecode: 0 for `00:00:00:00`. The inverse of `timecode`.

    Raises:
        UsageError: the text is no timecode.
    """
    match = _TIMECODE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a timecode: hours:minutes:seconds:frames")
    hours, minutes, seconds, frames = (int(match[group]) for group in (1, 2, 3, 5))
    minutes += hours * 60
    number = (minutes * 60 + seconds) * counted_rate(rate) + frames
    if is_drop(text) and rate in _DROP_RATES:
        number -= _DROP_RATES[rate] * (minutes - minutes // 10)
    return number


def is_drop(text: str) -> bool:
    """Whether a timecode is written as one that drops numbers."""
    return ";" in text or "." in text


def _numbers_left_out(frame: int, rate: Fraction) -> int:
    """How many numbers lie before a frame that no frame has."""
    if rate not in _DROP_RATES:
        raise UsageError(
            f"there is no drop-frame timecode at {float(rate):g} frames per second, only at 29.97 and 59.94"
        )
    dropped = _DROP_RATES[rate]
    per_minute = counted_rate(rate) * 60 - dropped
    per_ten = per_minute * 10 + dropped
    tens, rest = divmod(frame, per_ten)
    # The first minute of ten has all its numbers.
    minutes = 0 if rest < per_minute + dropped else 1 + (rest - per_minute - dropped) // per_minute
    return dropped * (9 * tens + minutes)
