"""`jepa chapters`: divide a video into chapters with titles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.decoders import open_decoder, open_narrator
from cli.options import DeviceOption, JsonOption, ModelOption, SentencesOption, voice_option
from cli.paths import parse_path
from jepa_retrieval.errors import JepaError, UsageError
from jepa_retrieval.times import format_time


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("chapters")(chapters)


def chapters(
    file: Annotated[Path, typer.Argument(metavar="FILE", parser=parse_path, help="The video.")],
    count: Annotated[
        int | None,
        typer.Option(min=1, metavar="N", help="Number of chapters. Default: where the meaning changes."),
    ] = None,
    least: Annotated[
        float,
        typer.Option(min=1.0, metavar="SECONDS", help="Without --count: minimum average length of chapters."),
    ] = 20.0,
    ffmetadata: Annotated[
        bool, typer.Option("--ffmetadata", help="Print the chapters in FFmpeg's metadata format.")
    ] = False,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    sentences: SentencesOption = None,
    voice: Annotated[
        Path | None, voice_option("Write the titles, and a summary, with this language model")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Divide a video into chapters where its meaning changes, and give each a title.

    Prints the start and title of each chapter, one per line, in the format that video sites accept. With --voice, a
    summary follows. With --json, a chapter has the first line that is said in it, if 'jepa index --speech' has found
    out. If the file is incomplete, a warning says what is missing, and the exit status is 1.

    \b
    Examples:
      jepa chapters talk.mp4
      jepa chapters talk.mp4 --count 8 --json
      jepa chapters talk.mp4 --ffmetadata > chapters.txt
    """
    if json and ffmetadata:
        raise UsageError("--json and --ffmetadata cannot be used together")
    narrator = open_narrator(voice)
    loaded, decoder = open_decoder(model, sentences)
    from jepa_retrieval.media.types import ReadReport
    from jepa_retrieval.tasks.watching.chapters import find_chapters

    report = ReadReport()
    found = find_chapters(
        file, loaded, decoder, count=count, min_seconds=least, narrator=narrator, report=report
    )
    for missing in report.partial:
        console.warning(f"{file}: {missing}")
    summary = None if narrator is None else narrator.summary([chapter.title for chapter in found])
    if json:
        said = _said(file)
        rows = [
            {**asdict(chapter), "score": round(chapter.score, 6), **said(chapter.start, chapter.end)}
            for chapter in found
        ]
        document = {"path": str(file), "duration": found[-1].end, "chapters": rows}
        if summary is not None:
            document["summary"] = summary
        if report.partial:
            document["partial"] = "; ".join(report.partial)
        console.result_json(document)
    elif ffmetadata:
        from jepa_retrieval.report.chapters import ffmetadata as as_ffmetadata

        console.results(as_ffmetadata(found, summary=summary).splitlines())
    else:
        for chapter in found:
            console.result(f"{format_time(chapter.start)} {chapter.title}")
        if summary is not None:
            console.results(["", summary])
    raise typer.Exit(1 if report.partial else 0)


def _said(file: Path) -> Callable[[float, float], dict[str, str]]:
    """Tells what is said first in an interval of a file, as far as an index of its folder knows."""
    from cli.transcript import stored_transcript_of

    try:
        found = stored_transcript_of(file, None)
    except JepaError as error:  # of an index that chapters do not need
        console.warning(f"what is said is left out: {error}")
        found = None
    lines = () if found is None else found.lines

    def first(start: float, end: float) -> dict[str, str]:
        inside = [line.text for line in lines if start <= line.start < end]
        return {"said": inside[0]} if inside else {}

    return first
