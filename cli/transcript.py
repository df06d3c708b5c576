"""`jepa transcript`: what is said in a video."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.fetching import fetch_speech_model
from cli.locate import known_near
from cli.options import DeviceOption, FileIndexOption, JsonOption
from cli.paths import parse_path, require_file
from jepa_retrieval.errors import UsageError
from jepa_retrieval.source_paths import url_of
from jepa_retrieval.times import format_time
from jepa_retrieval.user_paths import exists

if TYPE_CHECKING:
    from jepa_retrieval.library import Library
    from jepa_retrieval.tasks.encoding.transcript import Transcript


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("transcript")(transcript)


def transcript(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE", parser=parse_path, help="A video, or a path as search results show it."
        ),
    ],
    index: FileIndexOption = None,
    srt: Annotated[bool, typer.Option("--srt", help="Print subtitles in SubRip's format.")] = False,
    vtt: Annotated[bool, typer.Option("--vtt", help="Print subtitles in the format WebVTT.")] = False,
    speech_model: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="Recognise the speech now, with this model, such as whisper:small, whatever the index or subtitles "
            "have.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    json: JsonOption = False,
) -> None:
    """Print what is said in a video: the start of each line, and the line.

    It comes from the index, if 'jepa index --speech' has listened to the file; else from subtitles in the file or
    beside it; else the speech is recognised now, which needs the extra 'speech'. With --speech-model it is always
    recognised. If a part of the file or of its subtitles cannot be read, a warning says so, and the exit status is 1.

    \b
    Examples:
      jepa transcript talk.mp4
      jepa transcript talk.mp4 --srt > talk.srt
      jepa transcript talk.mp4 --speech-model whisper:small --json
    """
    if srt + vtt + json > 1:
        raise UsageError("--srt, --vtt and --json cannot be used together")
    found: Transcript | None = None
    missing: str | None = None
    if speech_model is None:
        known, _ = known_near(file, lambda library: _known(library, file), "what is said", index=index)
        found, missing = known or (None, None)
    if found is None:
        found, missing = _recognised(file, speech_model)
    if json:
        console.result_json(_document(file, found))
    elif srt or vtt:
        from jepa_retrieval.report.subtitles import srt_cue, vtt_cue

        cues = [
            srt_cue(number, line.start, line.end, line.text)
            if srt
            else vtt_cue(line.start, line.end, line.text)
            for number, line in enumerate(found.lines, start=1)
        ]
        console.results("\n\n".join(([] if srt else ["WEBVTT"]) + cues).splitlines())
    else:
        for line in found.lines:
            console.result(f"{format_time(line.start)} {line.text}")
        if not found.lines:
            console.note(f"Nothing is said in {url_of(file)} ({found.source}).")
    if missing is not None:
        console.warning(f"{url_of(file)}: {missing}")
        raise typer.Exit(1)


def _document(file: Path, found: Transcript) -> dict[str, object]:
    return {
        "path": url_of(file),
        "language": found.language,
        "source": found.source,
        "lines": [
            {
                "start": round(line.start, 3),
                "end": round(line.end, 3),
                "text": line.text,
                "words": [
                    {"start": round(word.start, 3), "end": round(word.end, 3), "text": word.text.strip()}
                    for word in line.words
                ],
            }
            for line in found.lines
        ],
    }


def _known(library: Library, file: Path) -> tuple[Transcript, str | None] | None:
    """What an index knows, and what could not be read: of the file, and of subtitles that are still beside it."""
    from jepa_retrieval.media.sound.subtitles import missing_of_sidecar

    found = library.transcript(file)
    if found is None:
        return None
    path = file if exists(file) else library.media_root.to_path(str(file))
    beside = missing_of_sidecar(path, found.source)
    return found, "; ".join(filter(None, (found.missing, beside))) or None


def _recognised(file: Path, speech_model: str | None) -> tuple[Transcript, str | None]:
    """What is said, and what of the file could not be read."""
    from jepa_retrieval.models.speech import DEFAULT_SPEECH_MODEL, open_recogniser
    from jepa_retrieval.tasks.encoding.listening import transcribe_file

    require_file(file)
    if speech_model is not None:
        fetch_speech_model(speech_model)
    recogniser = open_recogniser(speech_model or DEFAULT_SPEECH_MODEL)
    found, heard = transcribe_file(file, recogniser, subtitles=speech_model is None)
    if heard.guessed is not None:
        console.note(f"{url_of(file)}: {heard.guessed}")
    return found, heard.missing
