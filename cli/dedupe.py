"""`jepa dedupe`: what an index has more than once."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.locate import open_library
from cli.options import IndexOption, JsonOption
from cli.values import format_range

if TYPE_CHECKING:
    from jepa_retrieval.tasks.searching.dedupe import DuplicateReport


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("dedupe")(dedupe)


def dedupe(
    index: IndexOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(min=0.0, max=1.0, metavar="COSINE", help="How alike two pictures must be: 0.95."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Report files and scenes that an index has more than once. Nothing is deleted, and nothing decoded.

    Files of a group are exact copies (the same bytes) or near-duplicates: the same pictures all along, in another
    encoding, size or cut. Whole files are compared, so a common intro makes no duplicates. A scene that two other
    videos share is reported with its times.

    \b
    Examples:
      jepa dedupe
      jepa dedupe --threshold 0.98 --json
    """
    library = open_library(index)
    report = library.duplicates(threshold=threshold)
    if json:
        console.result_json(asdict(report))
        return
    console.results(_lines(report))
    if not report.groups and not report.parts:
        console.note("No duplicates found.")


def _lines(report: DuplicateReport) -> Iterator[str]:
    for group in report.groups:
        what = "exact copies" if group.kind == "copies" else "near-duplicates"
        yield f"{len(group.files)} files, {what}:"
        for file in group.files:
            yield f"  {file.similarity:.3f}  {console.printable(file.path)}"
    for part in report.parts:
        first = f"{console.printable(part.first_path)} {format_range(part.first_start, part.first_end)}"
        second = f"{console.printable(part.second_path)} {format_range(part.second_start, part.second_end)}"
        yield f"shared scene, {part.similarity:.3f}: {first} and {second}"
