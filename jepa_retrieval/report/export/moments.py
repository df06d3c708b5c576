"""What is exported: moments, each with the exact frames of its file."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from pathlib import Path
from typing import TYPE_CHECKING, Self

from indexes.records import MediaKind
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.report.export.timecode import drops_frames, frames_of, is_drop
from jepa_retrieval.times import check_interval, format_tenths

if TYPE_CHECKING:
    from jepa_retrieval.libraries import Libraries
    from jepa_retrieval.library import Library
    from jepa_retrieval.media.sound.describing import SoundTiming
    from jepa_retrieval.media.types import MediaInfo
    from jepa_retrieval.media.video.timing import Sound, VideoTiming
    from jepa_retrieval.tasks.searching.search import Moment

DEFAULT_RATE = Fraction(25)  # frames per second of an edit of photographs only
STILL_SECONDS = 5  # that an edit shows a photograph
UNCOUNTED = "is an animated picture, of a kind whose frames cannot be counted"


@dataclass(frozen=True, slots=True)
class ExportMoment:
    """A moment to export.

    Attributes:
        path: as the index stores it, relative to the media root.
        kind: of the file.
        start: seconds of presentation time; None for images.
        end: likewise.
        label: what it shows, in a few words; "" if that is not known.
        score: of the search that found it; None if none did.
        confidence: likewise, 0 to 1.
        index: the name of its index, where several were searched as one.

    Raises:
        UsageError: an interval of a video that is none.
    """

    path: str
    kind: MediaKind
    start: float | None = None
    end: float | None = None
    label: str = ""
    score: float | None = None
    confidence: float | None = None
    index: str | None = None

    def __post_init__(self) -> None:
        check_interval(self.path, self.start, self.end)

    @classmethod
    def of(cls, moment: Moment, *, label: str = "") -> Self:
        """A search's hit; its label is what was said or written, else its caption, else `label`."""
        return cls(
            moment.path,
            moment.kind,
            moment.start,
            moment.end,
            " ".join(text for _, text in moment.words) or moment.caption or label,
            moment.score,
            moment.confidence,
            moment.index,
        )


@dataclass(frozen=True, slots=True)
class LeftOutMoment:
    """A moment that a format cannot hold, or whose file cannot be read."""

    moment: ExportMoment
    reason: str  # a few words without the path


@dataclass(frozen=True, slots=True)
class PlacedMoment:
    """A moment with its file.

    Attributes:
        moment: as asked for; one that ends after its file ends with it.
        file: absolute path.
        timing: of a video; None for a photograph and audio, or if `problem` says why the file cannot be read.
        audio: of a file with sound only; else None.
        width: of the picture as shown, pixels.
        height: likewise.
        first: first frame, counted from the first picture of the file; 0 for a photograph.
        last: behind the last frame, likewise.
        problem: why the file cannot be read.
        outside: why the moment is not in the file, which can be read.
    """

    moment: ExportMoment
    file: Path
    timing: VideoTiming | None = None
    audio: SoundTiming | None = None
    width: int = 0
    height: int = 0
    first: int = 0
    last: int = 0
    problem: str | None = None
    outside: str | None = None

    @property
    def name(self) -> str:
        """The name of the file, as stored."""
        return self.moment.path.rpartition("/")[2]

    @property
    def source_offset(self) -> int:
        """The number of the first frame of the file by its own timecode; 0 if it has none."""
        if self.timing is None or self.timing.timecode is None:
            return 0
        return frames_of(self.timing.timecode, self.timing.rate)

    @property
    def drops_numbers(self) -> bool:
        """Whether the file's timecode drops numbers: as its own says, or as is usual at its rate."""
        if self.timing is None or not drops_frames(self.timing.rate):
            return False
        return self.timing.timecode is None or is_drop(self.timing.timecode)

    @property
    def sound(self) -> Sound | None:
        """The sound of the file; None if it has none, or it is not known."""
        of = self.timing or self.audio
        return None if of is None else of.sound

    def audio_range_at(self, rate: Fraction) -> tuple[int, int]:
        """The frames of `rate` that a moment of sound only touches, as first and last + 1; its file counts from 0."""
        start = Fraction(self.moment.start or 0)
        first = floor(start * rate)
        end = self.moment.end if self.moment.end is not None else self.audio and self.audio.seconds
        return first, max(first + 1, ceil(Fraction(end or 0) * rate))

    def length_at(self, rate: Fraction) -> int:
        """How many frames of `rate` the moment lasts, at least one."""
        if self.audio is not None:
            first, last = self.audio_range_at(rate)
            return last - first
        if self.timing is None:
            return round(STILL_SECONDS * rate)
        return max(1, round((self.last - self.first) / self.timing.rate * rate))


@dataclass(frozen=True, slots=True)
class Edit:
    """Moments in their order, one after the other.

    Attributes:
        title: such as the query.
        moments: what is in it.
    """

    title: str
    moments: Sequence[PlacedMoment]

    @property
    def rate(self) -> Fraction:
        """Frames per second of the whole: those of most of its moments."""
        rates = Counter(moment.timing.rate for moment in self.moments if moment.timing is not None)
        return rates.most_common(1)[0][0] if rates else DEFAULT_RATE


def place(moments: Sequence[ExportMoment], library: Library | Libraries) -> list[PlacedMoment]:
    """Find the files of moments and read their timing, in a worker process; each file once."""
    from jepa_retrieval.libraries import library_of

    files = [library_of(library, moment.index).resolve(moment.path) for moment in moments]
    needed: dict[Path, float] = {}
    for moment, file in zip(moments, files, strict=True):
        needed[file] = max(needed.get(file, 0.0), moment.start or 0.0, moment.end or 0.0)
    known: dict[Path, _Found | str] = {}
    placed = []
    for moment, file in zip(moments, files, strict=True):
        if file not in known:
            known[file] = _read(moment, file, needed[file])
        placed.append(_placed(moment, file, known[file]))
    return placed


@dataclass(frozen=True, slots=True)
class _Found:
    """What was read of a file."""

    timing: VideoTiming | SoundTiming | MediaInfo
    end: float | None  # seconds that a player shows it for; None for a photograph, or if it is not known


def _read(moment: ExportMoment, file: Path, needed: float) -> _Found | str:
    """The timing of a file, or why it cannot be read; a header that states less than `needed` is not believed."""
    from jepa_retrieval.media.extent import read_extent
    from jepa_retrieval.media.probing import probe
    from jepa_retrieval.media.reasons import NOT_MEDIA
    from jepa_retrieval.media.sound.describing import read_sound_timing
    from jepa_retrieval.media.video.timing import read_timing
    from jepa_retrieval.media.workers.calls import call_in_worker

    try:
        if moment.kind == "video":
            extent = call_in_worker(read_extent, file, needed)
            if extent.duration is None:
                return "is a still picture now"
            try:
                timing = call_in_worker(read_timing, file)
            except UnreadableMediaError as error:
                return UNCOUNTED if error.reason == NOT_MEDIA else error.reason
            return _Found(timing.with_end(extent.picture_end), extent.duration or None)
        if moment.kind == "audio":
            sound = call_in_worker(read_sound_timing, file, needed)
            return _Found(sound, sound.seconds or None)
        return _Found(call_in_worker(probe, file), None)
    except UnreadableMediaError as error:
        return error.reason


def _placed(moment: ExportMoment, file: Path, known: _Found | str) -> PlacedMoment:
    from jepa_retrieval.media.sound.describing import SoundTiming
    from jepa_retrieval.media.types import MediaInfo

    if isinstance(known, str):
        return PlacedMoment(moment, file, problem=known)
    found = known.timing
    if known.end is not None and moment.start is not None:
        if moment.start >= known.end:
            outside = f"the file ends at {format_tenths(known.end)}"
            return PlacedMoment(moment, file, outside=outside)
        if moment.end is not None and moment.end > known.end:
            moment = replace(moment, end=known.end)
    if isinstance(found, MediaInfo):
        return PlacedMoment(moment, file, width=found.width, height=found.height)
    if isinstance(found, SoundTiming):
        return PlacedMoment(moment, file, audio=found)
    end = moment.end
    if end is None:
        end = found.first + (found.frames or 1) / float(found.rate)
    first, last = found.frame_range(moment.start or 0.0, end)
    return PlacedMoment(moment, file, found, width=found.width, height=found.height, first=first, last=last)
