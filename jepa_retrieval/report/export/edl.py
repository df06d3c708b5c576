"""Edit decision lists in the form of CMX 3600, which editing programs import.

The adapter of opentimelineio is not used: it writes no FCM line, and puts names with line breaks into its comments as
they are.
"""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

from jepa_retrieval.report.export.moments import Edit, LeftOutMoment, PlacedMoment
from jepa_retrieval.report.export.timecode import (
    MAX_COUNTED_RATE,
    counted_rate,
    frames_of,
    timecode,
)
from jepa_retrieval.times import rate_text
from jepa_retrieval.visible import visible

_RECORD_START = "01:00:00:00"  # where edits begin by convention
_MAX_TITLE = 70  # characters
_REEL = "AX"  # auxiliary: programs then look for the clip's name


def write_edl(edit: Edit, out: Path) -> list[LeftOutMoment]:
    """Write one event for each moment, counted at the file's own rate; return what an EDL cannot hold.

    An EDL has one frame rate: moments of files with another one are left out, and so are photographs. Sound only is
    counted from 0 on, at that rate.
    """
    rate = edit.rate
    left_out = []
    kept = []
    for moment in edit.moments:
        if problem := _problem(moment, edit):
            left_out.append(LeftOutMoment(moment.moment, problem))
        else:
            kept.append(moment)
    drop = any(moment.drops_numbers for moment in kept)
    record = frames_of(f"{_RECORD_START[:-3]};00" if drop else _RECORD_START, rate)
    title = " ".join(visible(edit.title).split())[:_MAX_TITLE]
    lines = [f"TITLE: {title or 'moments'}", f"FCM: {'DROP FRAME' if drop else 'NON-DROP FRAME'}", ""]
    for number, moment in enumerate(kept, start=1):
        lines += _event(number, moment, record, rate, drop=drop)
        record += moment.length_at(rate)
    out.write_text("\r\n".join(lines) + "\r\n", "utf-8", newline="")
    return left_out


def _problem(moment: PlacedMoment, edit: Edit) -> str | None:
    if moment.audio is None and moment.timing is None:
        return "an EDL holds no photographs"
    rate = edit.rate if moment.timing is None else moment.timing.rate
    if rate != edit.rate:
        return (
            f"the file has {rate_text(rate)} frames per second, "
            f"but an EDL has only one frame rate, here {rate_text(edit.rate)}"
        )
    if counted_rate(rate) > MAX_COUNTED_RATE:
        return f"the file has {rate_text(rate)} frames per second, and timecode counts at most {MAX_COUNTED_RATE}"
    return None


def _event(number: int, moment: PlacedMoment, record: int, rate: Fraction, *, drop: bool) -> list[str]:
    if moment.audio is not None:
        source, _ = moment.audio_range_at(rate)
        channels, source_drop = "AA", drop
    else:
        source = moment.source_offset + moment.first
        channels, source_drop = "V" if moment.sound is None else "AA/V", moment.drops_numbers
    length = moment.length_at(rate)
    times = [
        timecode(source, rate, drop=source_drop),
        timecode(source + length, rate, drop=source_drop),
        timecode(record, rate, drop=drop),
        timecode(record + length, rate, drop=drop),
    ]
    lines = [
        f"{number:03d}  {_REEL:<8} {channels:<5} C        {' '.join(times)}",
        f"* FROM CLIP NAME: {visible(moment.name)}",
        f"* SOURCE FILE: {visible(moment.moment.path)}",
    ]
    if moment.moment.label:
        lines.append(f"* COMMENT: {' '.join(visible(moment.moment.label).split())}")
    return lines
