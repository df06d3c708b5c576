"""Moments of one file as WebVTT cues (https://www.w3.org/TR/webvtt1/), in the order of time."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.export.moments import Edit, LeftOutMoment
from jepa_retrieval.report.subtitles import vtt_cue

_MAX_NAMED = 3


def write_vtt(edit: Edit, out: Path) -> list[LeftOutMoment]:
    """Write one cue for each moment; return the photographs, which have no time.

    Raises:
        UsageError: the moments lie in several files, whose times have nothing to do with each other.
    """
    left_out = [
        LeftOutMoment(placed.moment, "WebVTT holds no photographs")
        for placed in edit.moments
        if placed.moment.start is None
    ]
    moments = [placed.moment for placed in edit.moments if placed.moment.start is not None]
    paths = list(dict.fromkeys(moment.path for moment in moments))
    if len(paths) > 1:
        named = ", ".join(paths[:_MAX_NAMED]) + (", ..." if len(paths) > _MAX_NAMED else "")
        raise UsageError(
            f"a WebVTT file describes one video, and these moments lie in {len(paths)}: {named}; "
            "select one of them, or export as edl, otio, fcpxml, csv or zip"
        )
    cues = ["WEBVTT"]
    for moment in sorted(moments, key=lambda moment: (moment.start or 0.0, moment.end or 0.0)):
        start, end = moment.start or 0.0, moment.end or 0.0
        cues.append(vtt_cue(start, max(end, start + 0.001), moment.label or edit.title or moment.path))
    out.write_text("\n\n".join(cues) + "\n", "utf-8", newline="")
    return left_out
