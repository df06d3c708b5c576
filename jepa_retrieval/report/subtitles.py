"""Sentences with times as subtitles and tables. Each is written as soon as it comes: an interrupted file is whole."""

from __future__ import annotations

import csv
import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

if TYPE_CHECKING:
    from jepa_retrieval.tasks.watching.watch import Spoken


class SpokenWriter(ABC):
    """A file that takes sentences in order of time; OSError if it cannot be written."""

    _newline = "\n"

    def __init__(self, path: Path) -> None:
        # What no encoding can hold comes from file names only; sentences are sound.
        self._file: TextIO = Path(path).open("w", encoding="utf-8", newline=self._newline, errors="replace")  # noqa: SIM115
        self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @abstractmethod
    def add(self, spoken: Spoken) -> None:
        """Write one sentence."""

    def _begin(self) -> None:  # noqa: B027 - not every format has one
        """Write what comes before the first sentence."""

    def close(self) -> None:
        """Complete the file."""
        self._file.close()

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


class SrtWriter(SpokenWriter):
    """SubRip subtitles."""

    _count = 0

    def add(self, spoken: Spoken) -> None:
        """Write one sentence."""
        self._count += 1
        span = f"{_clock(spoken.start, ',')} --> {_clock(spoken.end, ',')}"
        self._write(f"{self._count}\n{span}\n{_one_line(spoken.text)}\n\n")


class VttWriter(SpokenWriter):
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/)."""

    def _begin(self) -> None:
        self._write("WEBVTT\n\n")

    def add(self, spoken: Spoken) -> None:
        """Write one sentence."""
        text = _one_line(spoken.text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        self._write(f"{_clock(spoken.start, '.')} --> {_clock(spoken.end, '.')}\n{text}\n\n")


class CsvWriter(SpokenWriter):
    """A table with start, end, text, score and windows."""

    _newline = ""  # the csv module writes its own

    def _begin(self) -> None:
        self._rows = csv.writer(self._file)
        self._rows.writerow(["start", "end", "text", "score", "windows"])
        self._file.flush()

    def add(self, spoken: Spoken) -> None:
        """Write one sentence."""
        times = (f"{spoken.start:.3f}", f"{spoken.end:.3f}")
        self._rows.writerow([*times, spoken.text, f"{spoken.score:.4f}", spoken.windows])
        self._file.flush()


def _one_line(text: str) -> str:
    """An empty line would end the subtitle."""
    return re.sub(r"\s+", " ", text).strip() or "-"


def _clock(seconds: float, point: str) -> str:
    """`hh:mm:ss,mmm`; hours may have more digits."""
    milliseconds = round(seconds * 1000)
    whole, milliseconds = divmod(milliseconds, 1000)
    minutes, second = divmod(whole, 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours:02d}:{minute:02d}:{second:02d}{point}{milliseconds:03d}"
