"""`jepa search --export`: writes the moments that were found for other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from cli import console
from indexes.reasons import reason
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from jepa_retrieval.libraries import Libraries
    from jepa_retrieval.library import Library
    from jepa_retrieval.report.export import ExportReport
    from jepa_retrieval.tasks.searching.search import SearchResult


def check_format(file: Path) -> None:
    """Refuse a file whose name has no known ending, before the search. Raises UsageError."""
    from jepa_retrieval.report.export import format_of

    try:
        format_of(file)
    except UsageError as error:
        raise UsageError(f"--export {error}") from None


def export_found(found: SearchResult, library: Library | Libraries, file: Path) -> ExportReport | None:
    """Write what was found, and name what is left out; None, and no file, if nothing was found."""
    from jepa_retrieval.report.export import ExportMoment, export_moments

    if not found.hits:
        console.note(f"{file} was not written: there are no moments.")
        return None
    moments = [ExportMoment.of(hit) for hit in found.hits]
    report = export_moments(file, moments, library, title=found.query)
    for item in report.left_out:
        moment = item.moment
        where = "" if moment.start is None else f" at {format_interval(moment.start, moment.end)}"
        console.warning(f"{moment.path}{where} is not in {file}: {item.reason}")
    console.note(f"Wrote {console.count(report.moments, 'moment')} to {file}")
    return report


def try_export(
    found: SearchResult, library: Library | Libraries, file: Path
) -> tuple[ExportReport | None, str | None]:
    """As `export_found`, and why it failed: what was found can be printed all the same."""
    try:
        return export_found(found, library, file), None
    except JepaError as error:
        return None, str(error)
    except OSError as error:
        return None, f"{file}: {reason(error)}"


def summary(report: ExportReport) -> dict[str, Any]:
    """What was written, for the JSON document."""
    return {
        "file": str(report.file),
        "format": report.format,
        "moments": report.moments,
        "left_out": [
            {
                "path": item.moment.path,
                "start": item.moment.start,
                "end": item.moment.end,
                "reason": item.reason,
            }
            for item in report.left_out
        ],
    }
