"""The formats that moments are exported in."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.report.export.clips_zip import write_zip
from jepa_retrieval.report.export.csv_table import write_csv
from jepa_retrieval.report.export.edl import write_edl
from jepa_retrieval.report.export.fcpxml import write_fcpxml
from jepa_retrieval.report.export.moments import Edit, LeftOutMoment
from jepa_retrieval.report.export.otio import write_otio
from jepa_retrieval.report.export.vtt import write_vtt


@dataclass(frozen=True, slots=True)
class ExportFormat:
    """A format of files.

    Attributes:
        name: what it is called, and the ending of its files without the dot.
        media_type: as HTTP states it.
        write: writes an edit to a file, and returns what the format cannot hold.
        needs_files: whether a moment whose file cannot be read is left out.
    """

    name: str
    media_type: str
    write: Callable[[Edit, Path], list[LeftOutMoment]]
    needs_files: bool = True


FORMATS = {
    format.name: format
    for format in (
        ExportFormat("edl", "text/plain; charset=utf-8", write_edl),
        ExportFormat("otio", "application/json", write_otio),
        ExportFormat("fcpxml", "application/xml", write_fcpxml),
        ExportFormat("vtt", "text/vtt", write_vtt, needs_files=False),
        ExportFormat("csv", "text/csv; charset=utf-8", write_csv, needs_files=False),
        ExportFormat("zip", "application/zip", write_zip),
    )
}


def format_of(file: Path | str, name: str | None = None) -> ExportFormat:
    """The format named `name`, or else the one that a file's ending says.

    Raises:
        UsageError: there is no such format; the message lists them.
    """
    if name is not None:
        if name not in FORMATS:
            raise UsageError(f"there is no export format {name!r}; the formats are {', '.join(FORMATS)}")
        return FORMATS[name]
    ending = Path(file).suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise UsageError(f"{file}: the name must end in one of {', '.join(f'.{name}' for name in FORMATS)}")
    return FORMATS[ending]
