"""Where `jepa watch` tells what happens: lines or JSON on standard output, files, a timeline, a command."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cli import console
from jepa_retrieval.tasks.watching.narrator import SentenceLog
from jepa_retrieval.times import format_range

if TYPE_CHECKING:
    from cli.alerts import AlertCommand
    from jepa_retrieval.report.subtitles import SentenceWriter
    from jepa_retrieval.report.timeline import Timeline
    from jepa_retrieval.tasks.watching.alerts import Alert
    from jepa_retrieval.tasks.watching.narrator import Narrator
    from jepa_retrieval.tasks.watching.watch import Described, WatchCounters, WatchEvent


@dataclass
class Output:
    """Where what happens goes."""

    json: bool
    command: AlertCommand | None
    timeline: Timeline | None
    voice: Narrator | None = None
    story: SentenceLog = field(default_factory=SentenceLog)
    writers: list[SentenceWriter] = field(default_factory=list)
    end: float = 0.0  # of what was said last, seconds

    def take(self, event: WatchEvent) -> None:
        """Print and write one event."""
        from jepa_retrieval.media.streams.types import Lost, Returned
        from jepa_retrieval.tasks.watching.alerts import Alert
        from jepa_retrieval.tasks.watching.watch import Described, Observed

        match event:
            case Observed():
                if self.timeline is not None:
                    self.timeline.observe(event)
            case Described():
                self._speak(event)
            case Alert():
                self._alert(event)
            case Lost():
                console.warning(f"lost: {console.printable(event.reason)}; trying again")
            case Returned():
                console.note(f"Back after {event.after:.1f} s.")

    def tell_story(self) -> None:
        """Let the voice, if there is one, say in a few sentences what was seen."""
        if self.voice is None or not self.story.sentences:
            return
        text = self.voice.summary(self.story.sentences)
        if self.json:
            console.result_json({"summary": text}, one_line=True)
        else:
            console.result(f"{format_range(0.0, self.end)}\t-\tSUMMARY: {console.printable(text)}")
            console.flush_results()

    def _speak(self, spoken: Described) -> None:
        for writer in self.writers:  # before it is printed: whoever has seen it finds it in the files
            writer.add(spoken)
        if self.json:
            document = {
                "start": spoken.start,
                "end": spoken.end,
                "text": spoken.text,
                "score": round(spoken.score, 6),
                "windows": spoken.windows,
            }
            console.result_json(document, one_line=True)
        else:
            self._line(spoken.start, spoken.end, spoken.score, spoken.text)
        self.end = spoken.end
        self.story.add(spoken.text)
        if self.timeline is not None:
            self.timeline.add(spoken)

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

    def _line(self, start: float, end: float, score: float, text: str) -> None:
        console.result(f"{format_range(start, end)}\t{score:.3f}\t{console.printable(text)}")
        console.flush_results()


def summary(counters: WatchCounters) -> str:
    """What watching came to, in one line."""
    stream = counters.stream
    parts = [
        f"{console.count(counters.windows, 'window')}, {counters.seconds:.1f} s of video",
        f"{console.count(counters.decodes, 'decode')} instead of {counters.uniform_decodes:,} at one a second"
        + (f" ({counters.saved:.1f} times fewer)" if counters.decodes else ""),
    ]
    if counters.elapsed > 0 and not stream.live:
        parts.append(f"{counters.seconds / counters.elapsed:.1f}x real time")
    if stream.live:
        parts.append(f"lag {counters.lag:.1f} s, at most {counters.max_lag:.1f} s")
        parts.append(f"{stream.dropped:,} dropped")
    for number, what in (
        (counters.alerts, "alerts"),
        (counters.losses, "lost connections"),
        (stream.damaged, "damaged packets"),
        (stream.clock_jumps, "clock jumps"),
    ):
        if number:
            parts.append(f"{number:,} {what}")
    return "; ".join(parts) + "."


@contextlib.contextmanager
def open_writers(srt: Path | None, vtt: Path | None, csv: Path | None) -> Iterator[list[SentenceWriter]]:
    """The files that sentences are written to as they come."""
    from jepa_retrieval.report.subtitles import CsvWriter, SrtWriter, VttWriter

    with contextlib.ExitStack() as stack:
        wanted = ((srt, SrtWriter), (vtt, VttWriter), (csv, CsvWriter))
        yield [stack.enter_context(writer(path)) for path, writer in wanted if path is not None]
