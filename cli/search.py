"""`jepa search`: find moments by a text, an image or an interval of a video."""

from __future__ import annotations

import os
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.completion import one_of
from cli.export_moments import check_format, summary, try_export
from cli.locate import open_libraries
from cli.options import (
    DeviceOption,
    JsonOption,
    PlacesOption,
    WhereOption,
    file_option,
    text_option,
    top_option,
)
from cli.outputs import try_write
from cli.paths import OutputFile, parse_path_text, require_outputs
from cli.query import build_query, check_usage
from cli.tables import INTERVAL, PATH, RANK, SCORE, Column, print_table
from cli.values import parse_interval
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import is_remote, url_of
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from jepa_retrieval.libraries import Libraries, Unanswered
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.searching.search import SearchResult


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("search")(search)


def search(
    text: Annotated[list[str] | None, typer.Argument(metavar="TEXT", help="The text to search for.")] = None,
    index: PlacesOption = None,
    image: Annotated[Path | None, file_option("Search by image.")] = None,
    video: Annotated[
        str | None,
        typer.Option(
            metavar="FILE[@START-END]",
            parser=parse_path_text,
            help="Search by video, or by an interval of one: a.mp4@1:20-1:35.",
        ),
    ] = None,
    plus: Annotated[
        list[str] | None,
        typer.Option(
            metavar="[W:]WHAT",
            help="Add a text, FILE or FILE@START-END, with weight W if given, as in 2:beach. Repeatable.",
        ),
    ] = None,
    minus: Annotated[
        list[str] | None,
        typer.Option(metavar="[W:]WHAT", help="Subtract a text, FILE or FILE@START-END. Repeatable."),
    ] = None,
    not_like: Annotated[
        list[str] | None,
        typer.Option(metavar="[W:]FILE", help="Subtract what FILE or FILE@START-END shows. Repeatable."),
    ] = None,
    top: Annotated[int, top_option("Maximum number of moments to show.")] = 10,
    where: WhereOption = None,
    per_file: Annotated[
        bool, typer.Option("--per-file", help="Show only the best moment of each file.")
    ] = False,
    min_confidence: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, metavar="P", help="Hide moments with a lower confidence."),
    ] = 0.0,
    within: Annotated[
        str | None,
        typer.Option(
            "--in",
            metavar="seen,said,written",
            autocompletion=one_of("seen", "said", "written", "said,written"),
            help="What to search: pictures, speech, writing. Default: all that the index has.",
        ),
    ] = None,
    prompt: Annotated[
        str | None,
        text_option("Rerank the best hits under this prompt, such as 'What is the person doing?'."),
    ] = None,
    json: JsonOption = False,
    device: DeviceOption = "auto",
    html: Annotated[
        Path | None,
        file_option("Also write the results as a page with thumbnails, to a .html file."),
    ] = None,
    export: Annotated[
        Path | None,
        file_option(
            "Also write the moments for other programs; the ending says how: .edl, .otio, .fcpxml, .vtt, .csv, or "
            ".zip with the clips themselves."
        ),
    ] = None,
    filepath_only: Annotated[
        bool,
        typer.Option(
            "--filepath-only",
            "-f",
            help="Print only the file paths, each once; control characters in them are escaped, see -0.",
        ),
    ] = False,
    null: Annotated[
        bool,
        typer.Option(
            "--null",
            "-0",
            help="With -f: print paths as they are, each followed by a NUL byte, for 'xargs -0'.",
        ),
    ] = False,
) -> None:
    """Find the moments that match a text, an image or an interval of a video.

    Results are a table on a terminal, and otherwise tab-separated lines of rank, score, time and path. Paths are
    relative to the indexed folder. Times are minutes:seconds. FILE is any file, or a path as the results show it;
    indexed files are compared by their stored embeddings, without decoding. On an index with speech or writing, a
    text is also looked for there, by its words and by its meaning (marked "≈" or "in other words"); text in
    "double quotes" has to be said or written word for word, and is not looked for in pictures. Several indexes
    are searched as one: hits are merged by confidence and name their index; an index that does not answer is
    named, with status 1. With --json, 'verdict' is a sentence if what was looked for is probably not there, else
    null, and 'likely' the number of hits up to the last likely one.

    \b
    Examples:
      jepa search "a dog on the beach"
      jepa search "sunset" --top 3 --where "kind = 'video' and duration > 60"
      jepa search "dog" --plus "2:beach" --minus "people"
      jepa search "birthday" --plus party.mp4@1:20-1:35 --not-like empty-room.jpg
      jepa search "a penguin" --min-confidence 0.5
      jepa search "climbing a rope" --prompt "What is the person doing?"
      jepa search --video holiday.mp4@1:20-1:35 --html similar.html
      jepa search '"good evening" in a theatre' --in said
      jepa search "a goal" --top 20 --export goals.edl
      jepa search "a goal" --index ~/Videos --index /media/disk
      jepa search "invoice" --min-confidence 0.5 -f -0 | xargs -0 cp -t found/
    """
    if null and not filepath_only:
        raise UsageError("--null requires --filepath-only")
    if json and filepath_only:
        raise UsageError("--json and --filepath-only cannot be used together")
    check_usage(
        text=text, image=image, video=video, plus=plus or [], others=[*(minus or []), *(not_like or [])]
    )
    senses = None if within is None else _senses(within)
    if export is not None:
        check_format(export)
    require_outputs(
        OutputFile("--export", export),
        OutputFile("--html", html, (".html", ".htm")),
        inputs=[image, None if video is None else parse_interval(video)[0]],
    )
    library = open_libraries(index or [])
    query = build_query(
        library.has_file,
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
        within=senses,
        prompt=prompt,
    )
    unanswered: tuple[Unanswered, ...] = getattr(found, "unanswered", ())
    console.warn_of([*found.warnings, *(f"{one.index} does not answer: {one.error}" for one in unanswered)])
    exported, failure = (None, None) if export is None else try_export(found, library, export)
    if json:
        console.result_json(_document(found) | ({} if exported is None else {"export": summary(exported)}))
        if not found.hits:
            console.note(nothing_found(found, library, at_least=min_confidence))
    elif filepath_only:
        _print_paths(found, library, null=null, min_confidence=min_confidence)
    else:
        print_moments(found, library, min_confidence=min_confidence)
    failures = [failure, None if html is None else _try_html(html, found, library)]
    failed = [one for one in failures if one is not None]
    for one in failed:
        console.error(one)
    if unanswered or failed or (exported is not None and exported.left_out):
        raise typer.Exit(1)


def _try_html(file: Path, found: SearchResult, library: Library | Libraries) -> str | None:
    """Write the page; why it failed, if it did."""
    from jepa_retrieval.report import write_report

    return try_write(file, lambda: write_report(file, [found], library))


def _senses(text: str) -> list[str]:
    """The value of --in; UsageError for one that is not allowed."""
    from jepa_retrieval.tasks.searching.options import SENSES

    senses = [sense.strip() for sense in text.split(",")]
    if not set(senses) <= set(SENSES):
        raise UsageError(
            f"--in must be {', '.join(SENSES)}, or several with commas between them, not {text!r}"
        )
    return senses


def _document(found: SearchResult) -> dict[str, Any]:
    """The result as a JSON document, with numbers rounded to meaningful digits."""
    document = asdict(found)
    document["elapsed_ms"] = round(found.elapsed_ms, 1)
    several = "indexes" in document
    document["verdict"], document["likely"] = found.verdict.doubt, found.verdict.likely
    if not found.warnings:
        del document["warnings"]
    for hit in document["hits"]:
        hit["score"] = round(hit["score"], 6)
        hit["confidence"] = None if hit["confidence"] is None else round(hit["confidence"], 4)
        if hit["caption"] is None:
            del hit["caption"]
        if hit["found_by"] == ("seen",):  # that needs no reason
            del hit["found_by"]
        if not hit["by_meaning"]:
            del hit["by_meaning"]
        for sense in ("said", "written"):
            if hit[sense] is None:
                del hit[sense]
        if not hit["offline"]:
            del hit["offline"]
        if not several:
            del hit["index"]
    return document


def print_moments(found: SearchResult, library: Library | Libraries, *, min_confidence: float = 0.0) -> None:
    """Print moments as a table on a terminal, and as tab-separated lines elsewhere."""
    if not found.hits:
        console.note(nothing_found(found, library, at_least=min_confidence))
    elif console.is_terminal(sys.stdout):
        _print_table(found, library)
        _print_verdict(found)
    else:
        for moment in found.hits:
            interval = format_interval(moment.start, moment.end)
            words = [f"{sense}: {text}" for sense, text in moment.words]
            offline = ["offline"] if moment.offline else []
            where = [f"index: {moment.index}"] if moment.index is not None else []
            console.row(moment.rank, f"{moment.score:.3f}", interval, moment.path, *words, *offline, *where)


def _print_verdict(found: SearchResult) -> None:
    from jepa_retrieval.tasks.searching.verdict import MIN_LIKELY

    verdict = found.verdict
    if verdict.doubt is not None:
        console.note(verdict.doubt)
    if verdict.rest is not None:
        console.note(f"{verdict.rest} --min-confidence {MIN_LIKELY:g} hides such moments.")


def nothing_found(found: SearchResult, library: Library | Libraries, *, at_least: float) -> str:
    """The note that is shown instead of an empty table."""
    if library.is_empty:
        many = len(library.places) > 1
        named = ", ".join(library.places)
        return f"Nothing found: the {'indexes' if many else 'index'} {named} {'are' if many else 'is'} empty."
    if at_least > 0:
        return f"Nothing matches {found.query!r} with a confidence of {at_least:g} or more."
    return f"Nothing found for {found.query!r}."


def _print_table(found: SearchResult, library: Library | Libraries) -> None:
    from jepa_retrieval.libraries import library_of

    columns = [RANK, SCORE, Column("confidence", align="right"), INTERVAL, PATH, Column("words or caption")]
    several = any(moment.index is not None for moment in found.hits)
    if several:
        columns.append(Column("index"))
    print_table(
        columns,
        (
            (
                str(moment.rank),
                f"{moment.score:.3f}",
                "" if moment.confidence is None else f"{moment.confidence:.0%}",
                format_interval(moment.start, moment.end, none=""),
                (
                    f"{moment.path} (offline)" if moment.offline else moment.path,
                    f"link {_link(library_of(library, moment.index).resolve(moment.path))}",
                ),
                moment.quoted or moment.caption or "",
                *([moment.index or ""] if several else []),
            )
            for moment in found.hits
        ),
    )


def _link(path: Path) -> str:
    """What a terminal opens when the path is clicked."""
    return url_of(path) if is_remote(path) else path.as_uri()


def _print_paths(
    found: SearchResult, library: Library | Libraries, *, null: bool, min_confidence: float
) -> None:
    from jepa_retrieval.libraries import library_of

    if not found.hits:
        console.note(nothing_found(found, library, at_least=min_confidence))
    for moment in found.hits:
        path = library_of(library, moment.index).resolve(moment.path)
        if null:
            console.result_bytes(os.fsencode(url_of(path)) + b"\0")
        else:
            console.result_path(path)
