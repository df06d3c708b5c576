"""The output of `jepa watch`: lines or JSON on standard output, files, a timeline, an alert command."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cli import console
from jepa_retrieval.tasks.watching.narrator import SentenceLog
from jepa_retrieval.times import format_interval

if TYPE_CHECKING:
    from cli.alerts import AlertCommand
    from jepa_retrieval.report.subtitles import SentenceWriter
    from jepa_retrieval.report.timeline import Timeline
    from jepa_retrieval.tasks.watching.alerts import Alert
    from jepa_retrieval.tasks.watching.narrator import Narrator
    from jepa_retrieval.tasks.watching.surprises import StreamSurprise
    from jepa_retrieval.tasks.watching.watch import Described, WatchCounters, WatchEvent


class SentenceFiles(contextlib.ExitStack):
    """The files that sentences are written to as they are decoded.

    They are opened with the first window: a source that gives none leaves what earlier runs wrote.
    """

    def __init__(self, *, srt: Path | None = None, vtt: Path | None = None, csv: Path | None = None) -> None:
        super().__init__()
        self._paths = {"srt": srt, "vtt": vtt, "csv": csv}
        self._writers: list[SentenceWriter] | None = None

    def open(self) -> list[SentenceWriter]:
        """Begin the files, if they are not open yet. Raises OSError."""
        if self._writers is None:
            from jepa_retrieval.report.subtitles import CsvWriter, SrtWriter, VttWriter

            kinds: dict[str, type[SrtWriter | VttWriter | CsvWriter]] = {
                "srt": SrtWriter,
                "vtt": VttWriter,
                "csv": CsvWriter,
            }
            self._writers = [
                self.enter_context(kinds[kind](path))
                for kind, path in self._paths.items()
                if path is not None
            ]
        return self._writers

    def add(self, described: Described) -> None:
        """Write one sentence to each. Raises OSError."""
        for writer in self.open():
            writer.add(described)


@dataclass
class Output:
    """Passes events on to everything that prints or writes them."""

    json: bool
    command: AlertCommand | None
    timeline: Timeline | None
    narrator: Narrator | None = None
    sentences: SentenceLog = field(default_factory=SentenceLog)
    files: SentenceFiles = field(default_factory=SentenceFiles)
    end: float = 0.0  # of the last sentence, seconds

    def take(self, event: WatchEvent) -> None:
        """Print and write one event."""
        from jepa_retrieval.media.streams.types import Lost, Returned
        from jepa_retrieval.tasks.watching.alerts import Alert
        from jepa_retrieval.tasks.watching.surprises import StreamSurprise
        from jepa_retrieval.tasks.watching.watch import Described, Observed

        match event:
            case Observed():
                self.files.open()
                if self.timeline is not None:
                    self.timeline.observe(event)
            case Described():
                self._describe(event)
            case Alert():
                self._alert(event)
            case StreamSurprise():
                self._surprise(event)
            case Lost():
                console.warning(f"source lost: {event.reason}; reconnecting")
            case Returned():
                console.note(f"Source back after {event.after:.1f} s.")

    def print_summary(self) -> None:
        """Print a summary of all sentences, if there is a language model for it."""
        if self.narrator is None or not self.sentences.sentences:
            return
        text = self.narrator.summary(self.sentences.sentences)
        if self.json:
            console.result_json({"summary": text}, one_line=True)
        else:
            console.row(format_interval(0.0, self.end), "-", f"SUMMARY: {text}")
            console.flush_results()

    def _describe(self, described: Described) -> None:
        self.files.add(described)  # before it is printed, so that they have every printed sentence
        if self.json:
            document = {
                "start": described.start,
                "end": described.end,
                "text": described.text,
                "score": round(described.score, 6),
                "windows": described.windows,
            }
            console.result_json(document, one_line=True)
        else:
            self._line(described.start, described.end, described.score, described.text)
        self.end = described.end
        self.sentences.add(described.text)
        if self.timeline is not None:
            self.timeline.add(described)

    def _alert(self, alert: Alert) -> None:
        if self.json:
            document = {
                "alert": alert.text,
                "start": alert.start,
                "end": alert.end,
                "confidence": round(alert.confidence, 6),
            }
            console.result_json(document, one_line=True)
        else:
            self._line(alert.start, alert.end, alert.confidence, f"ALERT: {alert.text}")
        if self.timeline is not None:
            self.timeline.fire(alert)
        if self.command is not None:
            self.command.run(alert)

    def _surprise(self, surprise: StreamSurprise) -> None:
        if self.json:
            document = {"surprise": round(surprise.z, 4), "start": surprise.start, "end": surprise.end}
            console.result_json(document, one_line=True)
        else:
            console.row(format_interval(surprise.start, surprise.end), f"z {surprise.z:.1f}", "SURPRISE")
            console.flush_results()
        if self.command is not None:
            self.command.run(surprise)

    def _line(self, start: float, end: float, score: float, text: str) -> None:
        console.row(format_interval(start, end), f"{score:.3f}", text)
        console.flush_results()


def summary(counters: WatchCounters) -> str:
    """The counters, in one line."""
    stream = counters.stream
    parts = [
        f"{console.count(counters.windows, 'window')}, {counters.seconds:.1f} s of video",
        f"{console.count(counters.decodes, 'decode')} instead of {counters.uniform_decodes:,} at one per second"
        + (f" ({counters.saved:.1f} times fewer)" if counters.decodes else ""),
    ]
    if counters.elapsed > 0 and not stream.live:
        parts.append(f"{counters.seconds / counters.elapsed:.1f}x real time")
    if stream.live:
        parts.append(f"lag {counters.lag:.1f} s, at most {counters.max_lag:.1f} s")
        parts.append(f"{stream.dropped:,} dropped")
    for number, what in (
        (counters.alerts, "alert"),
        (counters.surprises, "surprise"),
        (counters.losses, "lost connection"),
        (stream.damaged, "damaged packet"),
        (stream.clock_jumps, "clock jump"),
    ):
        if number:
            parts.append(console.count(number, what))
    return "; ".join(parts) + "."
