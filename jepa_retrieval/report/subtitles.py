"""Sentences with times as subtitles and tables. Each is written as soon as it comes: an interrupted file is whole."""

from __future__ import annotations

import csv
import html
import re
from abc import ABC, abstractmethod
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self, TextIO

from jepa_retrieval.output_files import naming
from jepa_retrieval.times import subtitle_time
from jepa_retrieval.user_paths import user_path
from jepa_retrieval.visible import visible

if TYPE_CHECKING:
    from jepa_retrieval.tasks.watching.watch import Described


class SentenceWriter(ABC):
    """A file that takes sentences in order of time; OSError, which names the file, if it cannot be written."""

    _newline = "\n"

    def __init__(self, path: Path | str) -> None:
        self._path = user_path(path)
        # What no encoding can hold comes from file names only; sentences are sound.
        self._file: TextIO = self._path.open("w", encoding="utf-8", newline=self._newline, errors="replace")
        with naming(self._path):
            self._begin()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def add(self, described: Described) -> None:
        """Write one sentence."""
        with naming(self._path):
            self._add(described)

    @abstractmethod
    def _add(self, described: Described) -> None:
        """Write one sentence."""

    def _begin(self) -> None:  # noqa: B027 - not every format has one
        """Write what comes before the first sentence."""

    def close(self) -> None:
        """Complete the file."""
        with naming(self._path):
            self._file.close()

    def _write(self, text: str) -> None:
        self._file.write(text)
        self._file.flush()


class SrtWriter(SentenceWriter):
    """SubRip subtitles."""

    _count = 0

    def _add(self, described: Described) -> None:
        """Write one sentence."""
        self._count += 1
        self._write(srt_cue(self._count, described.start, described.end, described.text) + "\n\n")


class VttWriter(SentenceWriter):
    """WebVTT subtitles (https://www.w3.org/TR/webvtt1/)."""

    def _begin(self) -> None:
        self._write("WEBVTT\n\n")

    def _add(self, described: Described) -> None:
        """Write one sentence."""
        self._write(vtt_cue(described.start, described.end, described.text) + "\n\n")


class CsvWriter(SentenceWriter):
    """A table with start, end, text, score and windows."""

    _newline = ""  # the csv module writes its own

    def _begin(self) -> None:
        self._rows = csv.writer(self._file)
        self._rows.writerow(["start", "end", "text", "score", "windows"])
        self._file.flush()

    def _add(self, described: Described) -> None:
        """Write one sentence."""
        times = (f"{described.start:.3f}", f"{described.end:.3f}")
        self._rows.writerow([*times, described.text, f"{described.score:.4f}", described.windows])
        self._file.flush()


def srt_cue(number: int, start: float, end: float, text: str) -> str:
    """A cue of SubRip, numbered from 1, without the empty line that ends it; times in seconds."""
    return f"{number}\n{_times(start, end, ',')}\n{_one_line(text)}"


def vtt_cue(start: float, end: float, text: str) -> str:
    """A cue of WebVTT (https://www.w3.org/TR/webvtt1/), without the empty line that ends it; times in seconds."""
    return f"{_times(start, end, '.')}\n{html.escape(_one_line(text), quote=False)}"


def _one_line(text: str) -> str:
    """An empty line would end the subtitle."""
    return visible(re.sub(r"\s+", " ", text).strip()) or "-"


def _times(start: float, end: float, point: str) -> str:
    return f"{subtitle_time(start, point=point)} --> {subtitle_time(end, point=point)}"
