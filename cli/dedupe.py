"""`jepa dedupe`: find duplicate files and shared scenes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.locate import open_library
from cli.options import IndexOption, JsonOption
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from jepa_retrieval.tasks.searching.dedupe import DuplicateReport


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("dedupe")(dedupe)


def dedupe(
    index: IndexOption = None,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="COSINE",
            help="Minimum similarity of two windows to compare their pictures. Default: 0.8.",
        ),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Report files and scenes that occur more than once in an index. Nothing is deleted or decoded.

    The files of a group are exact copies (the same bytes) or near-duplicates (the same pictures throughout, in
    another encoding, size, colour or cut). Pictures are compared by their pixels, because pages of text and bursts of
    photographs have similar meanings without being duplicates. Symbolic and hard links are marked: they are not
    copies, and deleting the file they point to would lose it. Whole files are compared, so a common intro does not
    make two videos duplicates. Scenes shared by videos that are otherwise different are reported with their times.

    \b
    Examples:
      jepa dedupe
      jepa dedupe --threshold 0.98 --json
    """
    library = open_library(index)
    report = library.duplicates(threshold=threshold)
    if json:
        scenes = [asdict(scene) for scene in report.scenes]
        console.result_json({"groups": [asdict(group) for group in report.groups], "parts": scenes})
        return
    console.results(_lines(report))
    if not report.groups and not report.scenes:
        console.note("No duplicates found.")


_KINDS = {
    "copies": "exact copies",
    "near": "near-duplicates",
    "links": "links to one file, no copies",
}


def _lines(report: DuplicateReport) -> Iterator[str]:
    for group in report.groups:
        compared = ", with their similarity" if group.kind == "near" else ""
        yield f"{len(group.files)} files, {_KINDS[group.kind]}{compared}:"
        for file in group.files:
            link = "" if file.link is None else f"  ({file.link.kind} link to {file.link.target})"
            similarity = f"{file.similarity:.3f}  " if group.kind == "near" else ""
            yield f"  {similarity}{file.path}{link}"
    for scene in report.scenes:
        first = f"{scene.first_path} {format_interval(scene.first_start, scene.first_end)}"
        second = f"{scene.second_path} {format_interval(scene.second_start, scene.second_end)}"
        yield f"shared scene, similarity {scene.similarity:.3f}: {first} and {second}"
