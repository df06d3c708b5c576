"""A file to its transcript: from subtitles where it has them, else by speech recognition."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

import numpy as np

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.extent import read_end, read_missing
from jepa_retrieval.media.reasons import damaged_from
from jepa_retrieval.media.sound.samples import SoundReport, open_samples, read_samples
from jepa_retrieval.media.sound.subtitles import Subtitles, empty_sidecars, find_subtitles
from jepa_retrieval.media.workers.calls import call_in_worker
from jepa_retrieval.models.speech import Recogniser
from jepa_retrieval.tasks.encoding.subtitle_times import within_file
from jepa_retrieval.tasks.encoding.transcript import NO_SOUND, Transcript, divide, line_of_text

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class Heard:
    """What was read of a file: its subtitles, or its sound."""

    subtitles: Subtitles | None
    report: SoundReport
    samples: np.ndarray  # int16 [n]: a view of a temporary file
    empty: tuple[str, ...] = ()  # files beside it that were passed over, as they are empty
    cut_off: str | None = None  # what its end lacks, by its header, where that was looked for

    @property
    def missing(self) -> str | None:
        """What could not be read; None if all was."""
        if self.subtitles is not None:
            return self.subtitles.missing
        if self.report.unread_from is not None:
            return self.cut_off or damaged_from(self.report.unread_from)
        missing = [] if self.cut_off is None else [self.cut_off]
        if self.report.damaged:
            packets = "1 packet" if self.report.damaged == 1 else f"{self.report.damaged:,} packets"
            missing.append(f"{packets} of its sound cannot be decoded; the rest was listened to")
        return "; ".join(missing) or None

    @property
    def guessed(self) -> str | None:
        """What was guessed and may be wrong."""
        return None if self.subtitles is None else self.subtitles.guessed


def listen(path: Path, scratch: Path, *, subtitles: bool = True) -> Heard:
    """Read the subtitles of a file, or else its sound, in a worker process.

    Args:
        path: the file.
        scratch: a file that the samples go to; replaced.
        subtitles: whether they are looked for; else its sound is read in any case.

    Raises:
        UnreadableMediaError: the file cannot be read, or nothing of its sound can be decoded.
        MediaError: worker processes cannot be started.
    """
    scratch.write_bytes(b"")
    found = call_in_worker(find_subtitles, path) if subtitles else None
    empty = tuple(empty_sidecars(path)) if subtitles else ()
    if found is not None:
        return Heard(found, SoundReport(0.0), open_samples(scratch), empty)
    report = call_in_worker(read_samples, path, scratch)
    return Heard(None, report, open_samples(scratch), empty)


def transcribe(
    heard: Heard, recogniser: Recogniser, *, on_progress: Callable[[float], None] | None = None
) -> Transcript:
    """What is said: subtitles as they are, and of sound what the recogniser makes of it."""
    if heard.subtitles is not None:
        lines = [line_of_text(cue.text, cue.start, cue.end) for cue in heard.subtitles.cues]
        return Transcript(
            tuple(line for line in lines if line is not None),
            heard.subtitles.language,
            heard.subtitles.source,
        )
    if not len(heard.samples):
        return Transcript((), None, NO_SOUND)
    found = recogniser.recognise(heard.samples, on_progress=on_progress)
    return Transcript(tuple(divide(found.words)), found.language, recogniser.name)


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """A temporary folder for samples: an hour of sound takes 115 MB."""
    with tempfile.TemporaryDirectory(prefix="jepa-sound-") as folder:
        yield Path(folder)


def transcribe_file(
    path: Path, recogniser: Recogniser, *, subtitles: bool = True
) -> tuple[Transcript, Heard]:
    """The transcript of one file, and what it was made of, whose samples are deleted; otherwise as `listen`.

    Subtitles are kept within the file; `Heard.guessed` says so.
    """
    with scratch_folder() as folder:
        heard = listen(path, folder / "sound", subtitles=subtitles)
        transcript = transcribe(heard, recogniser)
        heard = replace(heard, samples=np.zeros(0, np.int16))
    if heard.subtitles is None:
        return transcript, replace(heard, cut_off=_if_read(read_missing, path))
    end = _if_read(read_end, path)
    if end is None:
        return transcript, heard
    transcript, outside = within_file(transcript, end)
    guessed = "; ".join(filter(None, (heard.subtitles.guessed, outside))) or None
    return transcript, replace(heard, subtitles=replace(heard.subtitles, guessed=guessed))


def _if_read(read: Callable[..., _Read], path: Path) -> _Read | None:
    """What is read of a file in a worker process; None if it cannot be, as its subtitles or its sound may."""
    try:
        return call_in_worker(read, path)
    except UnreadableMediaError:
        return None
