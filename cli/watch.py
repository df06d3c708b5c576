"""`jepa watch`: describe a video, a camera or a stream as it runs."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cli import console
from cli.decoders import ModelOption, SentencesOption, VoiceOption, open_decoder, open_voice
from cli.values import parse_time
from cli.watch_output import Output, open_writers, summary
from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from cli.alerts import AlertCommand
    from jepa_retrieval.report.timeline import Timeline
    from jepa_retrieval.tasks.watching.watch import Watcher


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("watch")(watch)


def _file_option(kind: str) -> Any:
    return typer.Option(metavar="FILE", help=f"Also write the sentences as {kind}.")


def watch(
    source: Annotated[
        str,
        typer.Argument(metavar="FILE|URL|camera:N", help="A video file, http(s):// or rtsp://, or a camera."),
    ],
    rate: Annotated[
        float, typer.Option(min=0.01, max=60, metavar="HZ", help="Windows to look at per second.")
    ] = 2.0,
    max_rate: Annotated[
        float,
        typer.Option(
            "--max-rate", min=0, metavar="HZ", help="Most sentences a second in the long run; 0: no limit."
        ),
    ] = 0.35,
    max_silence: Annotated[
        float,
        typer.Option("--max-silence", metavar="SECONDS", help="Say something after so long, shift or not."),
    ] = 30.0,
    threshold: Annotated[
        float | None,
        typer.Option(metavar="VARIANCE", help="Local variance that counts as a shift of meaning, 0 to 1."),
    ] = None,
    midpoint: Annotated[
        bool, typer.Option("--midpoint", help="Decode a segment's middle window, not its average.")
    ] = False,
    model: ModelOption = None,
    sentences: SentencesOption = None,
    voice: VoiceOption = None,
    prompt: Annotated[
        str | None, typer.Option(metavar="TEXT", help="What the model is asked of each window.")
    ] = None,
    alert: Annotated[
        list[str] | None, typer.Option(metavar="TEXT", help="Tell when this becomes true. May be repeated.")
    ] = None,
    alert_at: Annotated[
        float, typer.Option("--alert-at", metavar="0..1", help="Confidence from which on an alert fires.")
    ] = 0.5,
    alert_command: Annotated[
        str | None,
        typer.Option(
            "--alert-command",
            metavar="COMMAND",
            help="Run this for every alert, with $JEPA_ALERT_TEXT and others.",
        ),
    ] = None,
    srt: Annotated[Path | None, _file_option("SubRip subtitles")] = None,
    vtt: Annotated[Path | None, _file_option("WebVTT subtitles")] = None,
    csv: Annotated[Path | None, _file_option("a table")] = None,
    timeline: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.png|html", help="Draw variance, borders, sentences and key frames at the end."
        ),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option("--for", metavar="TIME", help="Stop after so much of the stream: 90 or 1:30:00."),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="FILE is still being written: wait at its end for more.")
    ] = False,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live", help="Drop windows rather than fall behind; by itself for what has no end."
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(min=0.1, metavar="SECONDS", help="A connection without an answer for so long is lost."),
    ] = 10.0,
    give_up: Annotated[
        float | None,
        typer.Option(
            "--give-up", min=0.1, metavar="SECONDS", help="Stop when a lost source stays away for so long."
        ),
    ] = None,
    input_option: Annotated[
        list[str] | None,
        typer.Option(
            "--input-option",
            metavar="KEY=VALUE",
            help="For libav, such as rtsp_transport=udp. May be repeated.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON object per line.")] = False,
) -> None:
    """Describe a video, a camera or a stream as it runs: a sentence whenever its meaning has shifted.

    Prints time, score and sentence of each segment as soon as it is over, and counters at the end. A camera or a
    stream that is lost is tried again, less and less often. Ctrl-C ends it; what was written is whole.

    \b
    Examples:
      jepa watch walk.mp4
      jepa watch rtsp://camera/stream --json --alert "a person falls" --alert-command "notify-send fall"
      jepa watch camera:0 --for 1:00:00 --srt hour.srt --timeline hour.html
    """
    if alert_command is not None and not alert:
        raise UsageError("--alert-command works with --alert")
    from jepa_retrieval.media.streams.source import StreamSource
    from jepa_retrieval.tasks.watching.shifts import DEFAULT_THRESHOLD, ShiftOptions
    from jepa_retrieval.tasks.watching.watch import Watcher, WatchOptions

    origin = StreamSource.parse(source, follow=follow, options=_pairs(input_option or []))
    shifts = ShiftOptions(
        threshold=DEFAULT_THRESHOLD if threshold is None else threshold,
        max_silence=max_silence,
        max_rate=max_rate or None,
    )
    options = WatchOptions(
        rate=rate,
        shifts=shifts,
        embedding="midpoint" if midpoint else "average",
        prompt=prompt,
        alerts=alert or [],
        alert_confidence=alert_at,
        pictures=timeline is not None,
        seconds=None if duration is None else parse_time(duration),
        live=live,
        timeout=timeout,
        give_up=math.inf if give_up is None else give_up,
    )
    output = Output(
        json=json,
        command=_command(alert_command),
        timeline=_timeline(timeline, origin.name, shifts.threshold),
        voice=open_voice(voice),
    )
    loaded, decoder = open_decoder(model, sentences)
    with open_writers(srt, vtt, csv) as output.writers:
        try:
            interrupted = _run(Watcher(origin, loaded, decoder, options), output)
        finally:  # a stream that was given up after days is drawn too
            if output.timeline is not None and timeline is not None and output.timeline.descriptions:
                output.timeline.write(timeline)
                console.note(f"Wrote {console.printable(str(timeline))}")
    output.tell_story()
    if interrupted:
        raise typer.Exit(130)


def _run(watcher: Watcher, output: Output) -> bool:
    """Watch to the end; whether the user ended it."""
    interrupted = False
    try:
        for event in watcher.run():
            output.take(event)
    except KeyboardInterrupt:
        interrupted = True
        for spoken in watcher.finish():
            output.take(spoken)
    finally:
        if output.command is not None:
            output.command.wait()
        if watcher.counters.windows:
            console.note(summary(watcher.counters))
    return interrupted


def _command(text: str | None) -> AlertCommand | None:
    from cli.alerts import AlertCommand

    return None if text is None else AlertCommand(text)


def _timeline(path: Path | None, title: str, threshold: float) -> Timeline | None:
    if path is None:
        return None
    if path.suffix.lower() not in (".png", ".html", ".htm"):
        raise UsageError(f"{path}: a timeline is written as .png or .html")
    if not os.access(path.parent, os.W_OK):  # told of now, not after days
        raise UsageError(f"{path}: a file cannot be written there")
    from jepa_retrieval.report.timeline import Timeline

    return Timeline(title, threshold=threshold)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (key, equals, _) in zip(texts, pairs, strict=True):
        if not (key and equals):
            raise UsageError(f"--input-option must be KEY=VALUE, not '{text}'")
    return {key: value for key, _, value in pairs}
