"""The first sound of a file as samples for speech recognition, each at its presentation time.

Called in worker processes: a damaged file can do no harm there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

import av
import numpy as np
from av.audio.resampler import AudioResampler

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.reasons import HOLDS_NO_SOUND, NO_SOUND, NOT_MEDIA, library_reason
from jepa_retrieval.media.video.origin import clock_origin, shown_stream
from jepa_retrieval.media.video.sound_clock import sound_packets
from jepa_retrieval.media.video.video_file import first_sound, open_container

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import InputContainer

SAMPLE_RATE = 16_000  # of the samples, per second
MAX_HOURS = 48
"""Sound that begins later in a file is not read."""

STILL = "is a still picture: there is no sound in it"

# Time stamps are rounded, to milliseconds in Matroska: within this, in seconds, sound goes on where it ended.
_TOLERANCE = 0.05


@dataclass(frozen=True, slots=True)
class SoundReport:
    """What was read of a file's sound."""

    seconds: float  # up to where the last of it ends, of presentation time; 0.0 if the file has no sound
    damaged: int = 0  # packets that could not be decoded
    unread_from: float | None = None  # seconds from where on nothing could be read; None if all was read


def read_samples(path: Path, out: Path, *, on_tick: Callable[[], None]) -> SoundReport:
    """Write the first sound of a file, mixed to one channel, to `out`: int16, 16,000 a second, from time 0 on.

    Times are those of `MediaWindow`: 0 is where a player's clock starts. Where there is no sound, samples are 0.

    Args:
        path: a file with sound.
        out: the file to write.
        on_tick: called for every packet.

    Raises:
        UnreadableMediaError: the file cannot be opened, nothing of its sound can be decoded, it has nothing to see
            and no sound, or it is a still picture.
    """
    if (reader := reader_of(path)) != "video":
        out.write_bytes(b"")
        return _sound_of_picture(path, raw=reader == "raw")
    with open_container(path) as container, out.open("wb") as file:
        stream = first_sound(container)
        if stream is None:
            return SoundReport(0.0)
        writer = _Writer(file, origin=clock_origin(container, shown_stream(container)))
        damaged = decoded = 0
        is_whole = False
        try:
            for frame in _frames(container, stream, on_tick):
                if frame is None:
                    damaged += 1
                    continue
                writer.add(frame)
                decoded += 1
            writer.finish()
            is_whole = True
        except (av.error.FFmpegError, ValueError, ArithmeticError) as error:
            if not decoded:
                reason = library_reason(error)
                raise UnreadableMediaError(
                    path, NO_SOUND if reason == NOT_MEDIA else f"its sound {reason}"
                ) from error
        if damaged and not decoded:
            raise UnreadableMediaError(path, NO_SOUND)
        if not decoded and shown_stream(container) is None:
            raise UnreadableMediaError(path, HOLDS_NO_SOUND)
        end = writer.end / SAMPLE_RATE
        return SoundReport(end, damaged, None if is_whole else end)


def _sound_of_picture(path: Path, *, raw: bool) -> SoundReport:
    """That of an animated picture, which has none.

    Raises:
        UnreadableMediaError: it is a still picture, or cannot be read.
    """
    from jepa_retrieval.media.pictures.picture_file import PictureFile

    with PictureFile(path, raw=raw) as picture:
        if not picture.is_animated:
            raise UnreadableMediaError(path, STILL)
    return SoundReport(0.0)


def _frames(
    container: InputContainer, stream: AudioStream, on_tick: Callable[[], None]
) -> Iterator[AudioFrame | None]:
    """What is decoded, and None for each packet that cannot be."""
    for packet in sound_packets(container, stream):
        on_tick()
        try:
            yield from stream.codec_context.decode(packet if packet.size else None)
        except av.error.FFmpegError:
            yield None
        if not packet.size:
            return


class _Writer:
    """Puts resampled sound where its time stamps say.

    Args:
        file: empty.
        origin: seconds of the container's clock that are time 0.
    """

    def __init__(self, file: BinaryIO, *, origin: float) -> None:
        self._file = file
        self._origin = origin
        self._format: tuple[int, str, str] | None = None
        self._resampler: AudioResampler | None = None  # of the frames since the last break
        self.end = 0  # samples up to the end of what was written last

    def add(self, frame: AudioFrame) -> None:
        """Write a frame."""
        kind = (frame.sample_rate, frame.format.name, frame.layout.name)
        if kind != self._format:
            self.finish()
        self._format = kind
        if frame.pts is not None and frame.time_base:
            at = round((float(frame.pts * frame.time_base) - self._origin) * SAMPLE_RATE)
            if abs(at - self.end) > _TOLERANCE * SAMPLE_RATE and at < MAX_HOURS * 3600 * SAMPLE_RATE:
                self.finish()
                self.end = at
        frame.pts = None  # the resampler would fill gaps, however long
        if self._resampler is None:
            self._resampler = AudioResampler("s16", "mono", SAMPLE_RATE)
        for piece in self._resampler.resample(frame):
            self._write(piece)

    def finish(self) -> None:
        """Write what the resampler still holds; the next frame gets a new one."""
        if self._resampler is not None:
            for piece in self._resampler.resample(None):
                self._write(piece)
        self._resampler = None

    def _write(self, piece: AudioFrame) -> None:
        samples = piece.to_ndarray().reshape(-1).astype("<i2", copy=False)
        skipped = max(0, -self.end)  # sound before time 0
        if skipped < len(samples):
            self._file.seek(2 * (self.end + skipped))
            self._file.write(samples[skipped:].tobytes())
        self.end += len(samples)


def open_samples(out: Path) -> np.ndarray:
    """The samples that `read_samples` wrote, int16 [n]: a view of the file, of which only what is used is read."""
    if not out.stat().st_size:
        return np.zeros(0, np.int16)
    return np.memmap(out, "<i2", mode="r")
