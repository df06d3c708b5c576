"""`jepa chapters`: titled chapters of a video."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from cli import console
from cli.decoders import ModelOption, SentencesOption, VoiceOption, open_decoder, open_voice
from cli.options import JsonOption
from jepa_retrieval.errors import UsageError
from jepa_retrieval.times import format_time


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("chapters")(chapters)


def chapters(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The video.")],
    count: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Cut it into N parts; without: as its meaning has.")
    ] = None,
    least: Annotated[
        float,
        typer.Option(
            min=1.0, metavar="SECONDS", help="Without --count: how long chapters are on average, at least."
        ),
    ] = 20.0,
    ffmetadata: Annotated[
        bool, typer.Option("--ffmetadata", help="Print them as a metadata file for ffmpeg.")
    ] = False,
    model: ModelOption = None,
    sentences: SentencesOption = None,
    voice: VoiceOption = None,
    json: JsonOption = False,
) -> None:
    """Cut a video into chapters where its meaning changes, and give each a title.

    Prints a line of start and title per chapter, as video sites take them; with --voice, then a summary.

    \b
    Examples:
      jepa chapters talk.mp4
      jepa chapters talk.mp4 --count 8 --json
      jepa chapters talk.mp4 --ffmetadata > chapters.txt
    """
    if json and ffmetadata:
        raise UsageError("--json and --ffmetadata exclude each other")
    teller = open_voice(voice)
    loaded, decoder = open_decoder(model, sentences)
    from jepa_retrieval.tasks.watching.chapters import find_chapters

    found = find_chapters(file, loaded, decoder, count=count, min_seconds=least, narrator=teller)
    summary = None if teller is None else teller.summary([chapter.title for chapter in found])
    if json:
        rows = [{**asdict(chapter), "score": round(chapter.score, 6)} for chapter in found]
        told = {} if summary is None else {"summary": summary}
        console.result_json({"path": str(file), "duration": found[-1].end, "chapters": rows, **told})
    elif ffmetadata:
        from jepa_retrieval.report.chapters import ffmetadata as as_ffmetadata

        console.results(as_ffmetadata(found, summary=summary).splitlines())
    else:
        for chapter in found:
            console.result(f"{format_time(chapter.start)} {console.printable(chapter.title)}")
        if summary is not None:
            console.results(["", console.printable(summary)])
