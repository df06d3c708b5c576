"""`jepa watch`: describe a video, a camera or a stream while it plays."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli import console
from cli.decoders import open_decoder, open_narrator
from cli.options import DeviceOption, ModelOption, SentencesOption, file_option, text_option, voice_option
from cli.outputs import try_write
from cli.paths import OutputFile, parse_path_text, require_outputs
from cli.values import parse_duration
from cli.watch_output import Output, SentenceFiles, summary
from jepa_retrieval.errors import UsageError

if TYPE_CHECKING:
    from cli.alerts import AlertCommand
    from jepa_retrieval.report.timeline import Timeline
    from jepa_retrieval.tasks.watching.surprises import SurpriseOptions
    from jepa_retrieval.tasks.watching.watch import Watcher


def add_to(app: typer.Typer) -> None:
    """Register the command."""
    app.command("watch")(watch)


def watch(
    source: Annotated[
        str,
        typer.Argument(
            metavar="FILE|URL|camera:N",
            parser=parse_path_text,
            help="A video file, an http(s) or rtsp URL, or a camera.",
        ),
    ],
    rate: Annotated[
        float, typer.Option(min=0.01, max=60, metavar="HZ", help="Windows to encode per second.")
    ] = 2.0,
    max_rate: Annotated[
        float,
        typer.Option(
            "--max-rate",
            min=0,
            metavar="HZ",
            help="Maximum average number of sentences per second; 0: no limit.",
        ),
    ] = 0.35,
    max_silence: Annotated[
        float,
        typer.Option(
            "--max-silence", min=1, max=600, metavar="SECONDS", help="Describe the scene at least this often."
        ),
    ] = 30.0,
    threshold: Annotated[
        float | None,
        typer.Option(
            min=0.0,
            max=1.0,
            metavar="VARIANCE",
            help="Minimum local variance that counts as a shift in meaning.",
        ),
    ] = None,
    midpoint: Annotated[
        bool, typer.Option("--midpoint", help="Decode an interval's middle window, not its average.")
    ] = False,
    model: ModelOption = None,
    device: DeviceOption = "auto",
    sentences: SentencesOption = None,
    voice: Annotated[
        Path | None, voice_option("At the end, sum up the sentences with this language model")
    ] = None,
    prompt: Annotated[
        str | None, text_option("The question that the model answers about each window.")
    ] = None,
    alert: Annotated[
        list[str] | None, text_option("Fire an alert when this becomes true. Repeatable.")
    ] = None,
    alert_at: Annotated[
        float,
        typer.Option(
            "--alert-at", metavar="P", min=0.0, max=1.0, help="Minimum confidence to fire an alert."
        ),
    ] = 0.5,
    surprise: Annotated[
        float | None,
        typer.Option(
            "--surprise",
            min=0.1,
            metavar="Z",
            help="Report what the scene did not lead one to expect, from this z-score on, such as 5.",
        ),
    ] = None,
    learn: Annotated[
        str | None,
        typer.Option(
            "--learn",
            metavar="TIME",
            help="How much of the stream teaches what is normal, before the first surprise, such as 10m.",
            show_default="10m",
        ),
    ] = None,
    scene: Annotated[
        Path | None,
        file_option("Keep what was learnt here. Default: in the user's cache, for each source."),
    ] = None,
    alert_command: Annotated[
        str | None,
        typer.Option(
            "--alert-command",
            metavar="COMMAND",
            help="Run this command for every alert and surprise, with $JEPA_ALERT_TEXT and more in its environment.",
        ),
    ] = None,
    srt: Annotated[Path | None, file_option("Also write the sentences as SubRip subtitles.")] = None,
    vtt: Annotated[Path | None, file_option("Also write the sentences as WebVTT subtitles.")] = None,
    csv: Annotated[Path | None, file_option("Also write the sentences as a CSV table.")] = None,
    timeline: Annotated[
        Path | None,
        file_option("At the end, draw variance, borders, sentences and key frames.", metavar="FILE.png|html"),
    ] = None,
    duration: Annotated[
        str | None,
        typer.Option(
            "--for", metavar="TIME", help="Stop after this much of the stream, such as 90 or 1:30:00."
        ),
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", help="At the end of FILE, wait for more: it is still being written.")
    ] = False,
    live: Annotated[
        bool | None,
        typer.Option(
            "--live/--no-live",
            help="Drop windows rather than fall behind.",
            show_default="for cameras and endless streams",
        ),
    ] = None,
    timeout: Annotated[
        float,
        typer.Option(
            min=0.1, max=86400, metavar="SECONDS", help="Reconnect if the source sends nothing for this long."
        ),
    ] = 10.0,
    give_up: Annotated[
        float | None,
        typer.Option(
            "--give-up",
            min=0.1,
            metavar="SECONDS",
            help="Stop if a lost source does not come back within this time.",
        ),
    ] = None,
    input_option: Annotated[
        list[str] | None,
        typer.Option(
            "--input-option",
            metavar="KEY=VALUE",
            help="Option for FFmpeg, such as rtsp_transport=udp. Repeatable.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print results as JSON, one object per line.")] = False,
) -> None:
    """Describe a video, a camera or a stream while it plays: a sentence whenever its meaning changes.

    Prints the time, score and sentence of each interval as soon as it ends, and counters at the end. A lost camera or
    stream is reconnected, with growing pauses between attempts. Stop with Ctrl-C; all files written are complete.
    With --surprise, what is normal is learnt from the stream itself and kept: the next run of the same source
    continues with it. If a FILE is incomplete, a warning at the end says what is missing, and the exit status is 1.

    \b
    Examples:
      jepa watch walk.mp4
      jepa watch rtsp://camera/stream --json --alert "a person falls" --alert-command "notify-send fall"
      jepa watch rtsp://camera/stream --surprise 5 --learn 10m --alert-command "notify-send surprise"
      jepa watch camera:0 --for 1:00:00 --srt hour.srt --timeline hour.html
    """
    if alert_command is not None and not alert and surprise is None:
        raise UsageError("--alert-command requires --alert or --surprise")
    for name, value in (("--learn", learn), ("--scene", scene)):
        if value is not None and surprise is None:
            raise UsageError(f"{name} requires --surprise")
    require_outputs(
        OutputFile("--scene", scene),
        OutputFile("--srt", srt),
        OutputFile("--vtt", vtt),
        OutputFile("--csv", csv),
        OutputFile("--timeline", timeline, (".png", ".html", ".htm")),
        inputs=[Path(source), sentences, voice],
    )
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
        surprise=_surprises(surprise, learn, scene),
        pictures=timeline is not None,
        seconds=None if duration is None else parse_duration(duration, "--for"),
        live=live,
        timeout=timeout,
        give_up=math.inf if give_up is None else give_up,
    )
    output = Output(
        json=json,
        command=_command(alert_command),
        timeline=_timeline(timeline, origin.name, shifts.threshold),
        narrator=open_narrator(voice),
    )
    loaded, decoder = open_decoder(model, sentences)
    with SentenceFiles(srt=srt, vtt=vtt, csv=csv) as output.files:
        try:
            watcher = Watcher(origin, loaded, decoder, options)
            interrupted = _run(watcher, output)
        finally:  # also after an error, which may come after days
            undrawn = None if timeline is None else _try_timeline(timeline, output.timeline)
            if undrawn is not None:
                console.error(undrawn)
    output.print_summary()
    if interrupted:
        raise typer.Exit(130)
    raise typer.Exit(1 if watcher.counters.stream.partial or undrawn else 0)


def _try_timeline(file: Path, drawn: Timeline | None) -> str | None:
    """Write the timeline, if anything is on it; why it failed, if it did."""
    if drawn is None or not drawn.descriptions:
        return None
    return try_write(file, lambda: drawn.write(file))


def _run(watcher: Watcher, output: Output) -> bool:
    """Watch until the end. Returns whether the user interrupted it."""
    interrupted = False
    console.warn_of(watcher.warnings)
    if watcher.surprises is not None:
        path = watcher.surprises.path
        if watcher.surprises.continued:
            console.note(f"Continues with what was learnt of this scene: {path}")
        else:
            console.note(f"What is learnt of this scene is kept in {path}")
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
            if watcher.surprises is not None and (unfinished := watcher.surprises.unfinished):
                console.warning(f"{watcher.source_name}: {unfinished}")
        if missing := watcher.counters.stream.partial:
            console.warning(f"{watcher.source_name}: {missing}")
    return interrupted


def _surprises(min_z: float | None, learn: str | None, scene: Path | None) -> SurpriseOptions | None:
    if min_z is None:
        return None
    from jepa_retrieval.tasks.watching.surprises import DEFAULT_LEARN, SurpriseOptions

    seconds = DEFAULT_LEARN if learn is None else parse_duration(learn, "--learn")
    return SurpriseOptions(min_z, seconds, scene)


def _command(text: str | None) -> AlertCommand | None:
    from cli.alerts import AlertCommand

    return None if text is None else AlertCommand(text)


def _timeline(path: Path | None, title: str, threshold: float) -> Timeline | None:
    if path is None:
        return None
    from jepa_retrieval.report.timeline import Timeline

    return Timeline(title, threshold=threshold)


def _pairs(texts: list[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in texts]
    for text, (key, equals, _) in zip(texts, pairs, strict=True):
        if not (key and equals):
            raise UsageError(f"--input-option must be KEY=VALUE, not '{text}'")
    return {key: value for key, _, value in pairs}
