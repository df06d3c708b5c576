"""Moments as files of their own in a zip archive."""

from __future__ import annotations

import re
import tempfile
import zipfile
from dataclasses import replace
from pathlib import Path

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.report.export.csv_table import write_csv
from jepa_retrieval.report.export.moments import Edit, LeftOutMoment, PlacedMoment
from jepa_retrieval.times import format_time
from jepa_retrieval.visible import visible

_FORBIDDEN = re.compile(r'[\\/:*?"<>|]')  # in names on one system or another
_MAX_STEM = 100  # characters of the original name that are kept
_TABLE = "moments.csv"


def write_zip(edit: Edit, out: Path) -> list[LeftOutMoment]:
    """Write each moment of a video or an audio file as a clip, photographs as they are, and a table of all.

    A clip is copied where its first frame is a key frame and none of it is stored outside it, and encoded as H.264
    elsewhere. Return moments whose file could not be read.
    """
    left_out, table_rows = [], []
    with zipfile.ZipFile(out, "w") as archive, tempfile.TemporaryDirectory(dir=out.parent) as folder:
        for number, moment in enumerate(edit.moments, start=1):
            try:
                _add(archive, moment, Path(folder), number)
                table_rows.append(moment)
            except (UnreadableMediaError, FileNotFoundError, PermissionError) as error:
                reason = error.reason if isinstance(error, UnreadableMediaError) else "cannot be read"
                left_out.append(LeftOutMoment(moment.moment, reason))
                table_rows.append(replace(moment, problem=reason))
        table = Path(folder) / _TABLE
        write_csv(replace(edit, moments=table_rows), table)
        archive.write(table, _TABLE, zipfile.ZIP_DEFLATED)
    return left_out


def _add(archive: zipfile.ZipFile, moment: PlacedMoment, folder: Path, number: int) -> None:
    from jepa_retrieval.media.limits import MAX_DURATION
    from jepa_retrieval.media.video.cutting import cut_clip, cut_sound
    from jepa_retrieval.media.workers.calls import call_in_worker

    stem, suffix = _name(moment)
    if moment.moment.kind == "audio":
        start, end = moment.moment.start or 0.0, moment.moment.end or MAX_DURATION
        clip = call_in_worker(cut_sound, moment.file, start, end, folder / f"{number}")
        _add_clip(archive, clip.file, f"{number:03d} {stem}", start)
        return
    if moment.timing is None:
        archive.write(moment.file, f"{number:03d} {stem}{suffix}")
        return
    start = moment.moment.start or 0.0
    end = moment.timing.first + moment.last / float(moment.timing.rate)
    if moment.moment.end is not None:
        end = moment.moment.end
    clip = call_in_worker(cut_clip, moment.file, start, end, folder / f"{number}")
    _add_clip(archive, clip.file, f"{number:03d} {stem}", start)


def _add_clip(archive: zipfile.ZipFile, file: Path, name: str, start: float) -> None:
    time = format_time(start, decimals=1).replace(":", "-")
    archive.write(file, f"{name} {time}{file.suffix}")
    file.unlink()


def _name(moment: PlacedMoment) -> tuple[str, str]:
    """The original name and its ending, as every system allows them."""
    name = _FORBIDDEN.sub("_", visible(moment.name))
    stem, dot, suffix = name.rpartition(".")
    return (stem[:_MAX_STEM], dot + suffix) if dot and stem else (name[:_MAX_STEM], "")
