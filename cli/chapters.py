"""`jepa chapters`: divide a video into chapters with titles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.decoders import open_decoder, open_narrator
from cli.locate import known_near
from cli.options import DeviceOption, JsonOption, ModelOption, SentencesOption, voice_option
from cli.paths import parse_path
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.times import format_time

if TYPE_CHECKING:
    from jepa_retrieval.tasks.encoding.timed_text import TimedText

_SENSES = ("seen", "said", "written")


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
    within: Annotated[
        str,
        typer.Option(
            "--in",
            metavar=",".join(_SENSES),
            help="What titles are made from: pictures; what is said and written, if the index of the file's folder "
            "or of the current one knows it.",
        ),
    ] = ",".join(_SENSES),
    model: ModelOption = None,
    device: DeviceOption = "auto",
    sentences: SentencesOption = None,
    voice: Annotated[
        Path | None, voice_option("Write the titles, and a summary, with this language model")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Divide a video into chapters where its meaning changes, and give each a title.

    Prints the start and title of each chapter, one per line, in the format that video sites accept. If an index knows
    what is said or written in a chapter ('jepa index --speech', '--writing'), the title is one of its lines;
    otherwise it describes the pictures. With --voice, titles are made from both, and a summary follows. With --json,
    a chapter also has the first line that is said in it. If the file is incomplete, or its index is damaged, a
    warning says what is missing, and the exit status is 1.

    \b
    Examples:
      jepa chapters talk.mp4
      jepa chapters talk.mp4 --count 8 --json
      jepa chapters talk.mp4 --ffmetadata > chapters.txt
    """
    if json and ffmetadata:
        raise UsageError("--json and --ffmetadata cannot be used together")
    senses = _senses(within)
    narrator = open_narrator(voice)
    loaded, decoder = open_decoder(model, sentences)
    from jepa_retrieval.media.types import ReadReport
    from jepa_retrieval.tasks.watching.chapters import find_chapters

    report = ReadReport()
    known, unread = None, False
    if json or senses != {"seen"}:
        known, unread = known_near(file, lambda library: library.words(file), "what is said and written")
    words = known or []
    found = find_chapters(
        file,
        loaded,
        decoder,
        count=count,
        min_seconds=least,
        narrator=narrator,
        words=[text for text in words if text.sense in senses],
        report=report,
    )
    for missing in report.partial:
        console.warning(f"{url_of(file)}: {missing}")
    summary = None if narrator is None else narrator.summary([chapter.title for chapter in found])
    if json:
        rows = [
            {
                **asdict(chapter),
                "score": round(chapter.score, 6),
                **_first_said(words, chapter.start, chapter.end),
            }
            for chapter in found
        ]
        document = {"path": url_of(file), "duration": found[-1].end, "chapters": rows}
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
    raise typer.Exit(1 if report.partial or unread else 0)


def _senses(text: str) -> set[str]:
    """The value of --in; UsageError for one that is not allowed."""
    senses = {sense.strip() for sense in text.split(",")}
    if not senses <= set(_SENSES) or "seen" not in senses:
        raise UsageError(f"--in must be seen, with said or written or both after a comma, not {text!r}")
    return senses


def _first_said(words: Sequence[TimedText], start: float, end: float) -> dict[str, str]:
    """The first line that is said in an interval."""
    inside = (text.text for text in words if text.sense == "said" and start <= text.start < end)
    first = next(inside, None)
    return {} if first is None else {"said": first}
