"""`jepa search`: moments for a text, a photograph or a part of a video."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.locate import open_library
from cli.options import IndexOption, JsonOption, WhereOption
from cli.query import build_query, check_usage
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_range

if TYPE_CHECKING:
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.searching.search import SearchResult


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("search")(search)


def search(
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="What to look for.")] = None,
    index: IndexOption = None,
    image: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Search with a photograph instead.")
    ] = None,
    video: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[@START-END]", help="Search with a video or a part of it: a.mp4@1:20-1:35."
        ),
    ] = None,
    plus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[W:]WHAT",
            help="Also this: a text, a file, or FILE@START-END; W: its weight, as in 2:beach. Repeatable.",
        ),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option(metavar="[W:]WHAT", help="But not this, given in the same ways. Repeatable."),
    ] = None,
    not_like: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[W:]FILE", help="But not what this photograph or FILE@START-END shows. Repeatable."
        ),
    ] = None,
    top: Annotated[int, typer.Option("--top", "-t", min=1, metavar="N", help="Most moments to show.")] = 10,
    where: WhereOption = None,
    per_file: Annotated[bool, typer.Option("--per-file", help="Only the best moment of each file.")] = False,
    min_confidence: Annotated[
        float,
        typer.Option(
            min=0.0, max=1.0, metavar="P", help="Leave out hits that are less sure than this, from 0 to 1."
        ),
    ] = 0.0,
    prompt: Annotated[
        str | None,
        typer.Option(
            metavar="TEXT",
            help="Look again at what was found and ask the model this, as 'What is the person doing?'.",
        ),
    ] = None,
    json: JsonOption = False,
    html: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also write the results as one HTML page with pictures."),
    ] = None,
    filepath_only: Annotated[
        bool, typer.Option("--filepath-only", "-f", help="Print only the paths of the files, each once.")
    ] = False,
    null: Annotated[
        bool, typer.Option("--null", "-0", help="With -f: end each path with a null byte, for 'xargs -0'.")
    ] = False,
) -> None:
    """Find the moments that match a sentence, a photograph or a piece of video.

    On a terminal the hits come as a table; otherwise as lines of rank, score, time and path between tabs. Paths are
    relative to the folder that was indexed. Times are minutes:seconds. FILE may be any file, or a path as the results
    show it: parts of indexed files are compared as they are stored, without decoding them.

    \b
    Examples:
      jepa search "a dog on the beach"
      jepa search "sunset" --top 3 --where "kind = 'video' and duration > 60"
      jepa search "dog" --plus "2:beach" --minus "people"
      jepa search "birthday" --plus party.mp4@1:20-1:35 --not-like empty-room.jpg
      jepa search "a penguin" --min-confidence 0.5
      jepa search "climbing a rope" --prompt "What is the person doing?"
      jepa search --video holiday.mp4@1:20-1:35 --html similar.html
      jepa search "invoice" -f -0 | xargs -0 cp -t found/
    """
    if null and not filepath_only:
        raise UsageError("--null works with --filepath-only")
    if json and filepath_only:
        raise UsageError("--json and --filepath-only exclude each other")
    check_usage(text=text, image=image, video=video, plus=plus or [])
    library = open_library(index)
    query = build_query(
        library,
        text=text,
        image=image,
        video=video,
        plus=plus or [],
        minus=minus or [],
        not_like=not_like or [],
    )
    found = library.search(
        query,
        top=top,
        where=where,
        per_file=per_file or filepath_only,
        min_confidence=min_confidence,
        prompt=prompt,
    )
    if html is not None:
        from jepa_retrieval.report import write_report

        write_report(html, [found], library)
        console.note(f"Wrote {console.printable(str(html))}")
    if json:
        console.result_json(_document(found))
        if not found.hits:
            console.note(nothing_found(found, library, at_least=min_confidence))
    elif filepath_only:
        _print_paths(found, library, null=null, min_confidence=min_confidence)
    else:
        print_moments(found, library, min_confidence=min_confidence)


def _document(found: SearchResult) -> dict[str, Any]:
    """The result as JSON has it; digits that mean nothing are dropped."""
    document = asdict(found)
    document["elapsed_ms"] = round(found.elapsed_ms, 1)
    for hit in document["hits"]:
        hit["score"] = round(hit["score"], 6)
        hit["confidence"] = None if hit["confidence"] is None else round(hit["confidence"], 4)
        if hit["caption"] is None:
            del hit["caption"]
    return document


def print_moments(found: SearchResult, library: Library, *, min_confidence: float = 0.0) -> None:
    """Hits as a table on a terminal, as tab-separated lines elsewhere."""
    if not found.hits:
        console.note(nothing_found(found, library, at_least=min_confidence))
    elif console.is_terminal(sys.stdout):
        _print_table(found, library)
    else:
        for moment in found.hits:
            span = format_range(moment.start, moment.end)
            console.result(f"{moment.rank}\t{moment.score:.3f}\t{span}\t{console.printable(moment.path)}")


def nothing_found(found: SearchResult, library: Library, *, at_least: float) -> str:
    """What to tell people instead of an empty table."""
    if library.status().clips == 0:
        return f"Nothing found: the index {console.printable(str(library.folder))} is empty."
    query = console.printable(found.query)
    if at_least > 0:
        return f"Nothing here matches {query!r} with a confidence of {at_least:g} or more."
    return f"Nothing found for {query!r}."


def _print_table(found: SearchResult, library: Library) -> None:
    from rich.table import Table
    from rich.text import Text

    timed = any(moment.start is not None for moment in found.hits)
    calibrated = any(moment.confidence is not None for moment in found.hits)
    table = Table(box=None, pad_edge=False, header_style="bold", padding=(0, 2, 0, 0))
    table.add_column("#", justify="right", style="dim")
    table.add_column("score", justify="right")
    if calibrated:
        table.add_column("sure", justify="right")
    if timed:
        table.add_column("time", justify="right", style="cyan", no_wrap=True)
    table.add_column("path", overflow="fold")
    captioned = any(moment.caption for moment in found.hits)
    if captioned:
        table.add_column("caption", overflow="fold")
    for moment in found.hits:
        cells: list[str | Text] = [str(moment.rank), f"{moment.score:.3f}"]
        if calibrated:
            cells.append("" if moment.confidence is None else f"{moment.confidence:.0%}")
        if timed:
            cells.append("" if moment.start is None else format_range(moment.start, moment.end))
        # Text, not str: rich would read brackets in a file name as markup.
        path = Text(console.printable(moment.path), style=f"link {library.resolve(moment.path).as_uri()}")
        told = [Text(console.printable(moment.caption or ""))] if captioned else []
        table.add_row(*cells, path, *told)
    console.styled().print(table)


def _print_paths(found: SearchResult, library: Library, *, null: bool, min_confidence: float) -> None:
    if not found.hits:
        console.note(nothing_found(found, library, at_least=min_confidence))
    for moment in found.hits:
        path = library.resolve(moment.path)
        if null:
            console.result_bytes(os.fsencode(path) + b"\0")
        else:
            console.result(console.printable(str(path)))
