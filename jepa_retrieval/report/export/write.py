"""Writes moments to a file in one of the formats."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jepa_retrieval.errors import UsageError
from jepa_retrieval.output_files import replacing
from jepa_retrieval.report.export.moments import Edit, ExportMoment, LeftOutMoment, PlacedMoment, place
from jepa_retrieval.report.export.registry import ExportFormat, format_of
from jepa_retrieval.source_paths import is_ordinary
from jepa_retrieval.user_paths import absolute

if TYPE_CHECKING:
    from jepa_retrieval.libraries import Libraries
    from jepa_retrieval.library import Library

_MAX_NAMED = 3


@dataclass(frozen=True, slots=True)
class ExportReport:
    """What was exported."""

    file: Path
    format: str
    moments: int  # that the file holds
    left_out: tuple[LeftOutMoment, ...] = ()  # that it does not hold, and why


def export_moments(
    file: Path | str,
    moments: Sequence[ExportMoment],
    library: Library | Libraries,
    *,
    format: str | None = None,
    title: str = "",
) -> ExportReport:
    """Write moments to a file, one after the other in their order. An existing file is replaced once all is written.

    A symbolic link stays, and the file that it points to is replaced.

    Args:
        file: where to; its ending says the format.
        moments: what to write, such as `[ExportMoment.of(hit) for hit in library.search("a dog").hits]`.
        library: where their files are.
        format: a name of `FORMATS`, whatever the ending.
        title: of the whole, such as the query.

    Raises:
        UsageError: there is no such format, its package is not installed, it can hold none of the moments, or, for
            WebVTT, the moments lie in several files.
        OSError: the file cannot be written.
    """
    chosen = format_of(file, format)
    target = absolute(file)
    placed = place(moments, library)
    problems = [_problem(item, chosen) for item in placed]
    pairs = list(zip(placed, problems, strict=True))
    left_out = [LeftOutMoment(item.moment, problem) for item, problem in pairs if problem is not None]
    edit = Edit(title, [item for item, problem in pairs if problem is None])
    with replacing(target) as written:
        left_out += chosen.write(edit, written)
        if len(left_out) == len(moments):
            raise UsageError(f"nothing to export to {file}{_reasons(left_out)}")
    return ExportReport(target, chosen.name, len(moments) - len(left_out), tuple(left_out))


def _problem(placed: PlacedMoment, chosen: ExportFormat) -> str | None:
    """Why a moment is left out of a format."""
    if placed.outside is not None:
        return placed.outside
    if not chosen.needs_files:
        return None
    if placed.problem is None and not is_ordinary(placed.file):
        return "it is in an archive or a store, not a file on disk"
    return placed.problem


def _reasons(left_out: Sequence[LeftOutMoment]) -> str:
    if not left_out:
        return ": there are no moments"
    named = list(dict.fromkeys(f"{item.moment.path}: {item.reason}" for item in left_out))
    return f" ({'; '.join(named[:_MAX_NAMED])}{'; ...' if len(named) > _MAX_NAMED else ''})"
