"""Subtitles kept within the file that they belong to."""

from __future__ import annotations

from dataclasses import replace

from jepa_retrieval.tasks.encoding.transcript import Line, Transcript, line_of_text
from jepa_retrieval.times import format_time

MAX_LATE_SECONDS = 1.0  # after the end of a file that its subtitles may begin
MAX_LONG_SECONDS = 10.0  # after it that they may end before it is told


def within_file(transcript: Transcript, end: float) -> tuple[Transcript, str | None]:
    """Subtitles without what lies after the end of their file, and a sentence about it; None if nothing does.

    Lines that begin before the end stay, with their words until there.

    Args:
        transcript: made of subtitles.
        end: of the file, seconds.
    """
    lines = [line for line in transcript.lines if line.start < end + MAX_LATE_SECONDS]
    late = len(transcript.lines) - len(lines)
    long = sum(line.end > end + MAX_LONG_SECONDS for line in lines)
    after = f"in its {transcript.source} after the end of the file at {format_time(end)}, and"
    problems = []
    if late:
        begin, were = ("1 line begins", "was") if late == 1 else (f"{late:,} lines begin", "were")
        problems.append(f"{begin} {after} {were} left out")
    if long:
        last, were = ("1 line ends", "was") if long == 1 else (f"{long:,} lines end", "were")
        problems.append(f"{last} {after} {were} shortened")
    reason = f"{'; '.join(problems)}: it may belong to another version" if problems else None
    return replace(transcript, lines=tuple(_ended(line, end) for line in lines)), reason


def _ended(line: Line, end: float) -> Line:
    """A line with its words until `end`, seconds; one that begins shortly after it until `MAX_LATE_SECONDS` later."""
    latest = end if line.start < end else end + MAX_LATE_SECONDS
    if line.end <= latest:
        return line
    return line_of_text(line.text, line.start, latest) or line
