"""Moments as a CSV table (RFC 4180), with seconds, frame numbers and timecode.

Frame numbers are inclusive, as people count them; `end_timecode` is that of the frame behind the last, as in an EDL.
"""

from __future__ import annotations

import csv
from pathlib import Path

from jepa_retrieval.report.export.moments import Edit, LeftOutMoment, PlacedMoment
from jepa_retrieval.report.export.timecode import timecode
from jepa_retrieval.times import rate_text

COLUMNS = (
    "rank",
    "path",
    "kind",
    "start",
    "end",
    "first_frame",
    "last_frame",  # which still belongs to the moment
    "frame_rate",
    "start_timecode",
    "end_timecode",
    "score",
    "confidence",
    "label",
    "problem",
    "index",  # where several were searched as one
)


def write_csv(edit: Edit, out: Path) -> list[LeftOutMoment]:
    """Write one row for each moment; `problem` says why a row has no frame numbers."""
    with out.open("w", encoding="utf-8", newline="") as file:
        rows = csv.DictWriter(file, COLUMNS)
        rows.writeheader()
        for rank, moment in enumerate(edit.moments, start=1):
            rows.writerow({"rank": rank, **_times(moment), **_frames(moment)})
    return []


def _times(placed: PlacedMoment) -> dict[str, object]:
    moment = placed.moment
    return {
        "path": moment.path,
        "kind": moment.kind,
        "start": "" if moment.start is None else f"{moment.start:.3f}",
        "end": "" if moment.end is None else f"{moment.end:.3f}",
        "score": "" if moment.score is None else f"{moment.score:.6f}",
        "confidence": "" if moment.confidence is None else f"{moment.confidence:.4f}",
        "label": moment.label,
        "problem": placed.problem or "",
        "index": moment.index or "",
    }


def _frames(placed: PlacedMoment) -> dict[str, object]:
    timing = placed.timing
    if timing is None:
        return {}
    drop = placed.drops_numbers
    return {
        "first_frame": placed.first,
        "last_frame": placed.last - 1,
        "frame_rate": rate_text(timing.rate),
        "start_timecode": timecode(placed.source_offset + placed.first, timing.rate, drop=drop),
        "end_timecode": timecode(placed.source_offset + placed.last, timing.rate, drop=drop),
    }
