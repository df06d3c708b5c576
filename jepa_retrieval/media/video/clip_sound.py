"""The sound of a clip that is cut out of a video: copied where the new container takes it, else encoded as AAC."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

import av
from av.audio.resampler import AudioResampler

from jepa_retrieval.media.video.packet_clock import stamps_may_jump
from jepa_retrieval.media.video.sound_clock import sound_packets
from jepa_retrieval.media.video.video_file import first_sound, open_container

if TYPE_CHECKING:
    from av.audio.frame import AudioFrame
    from av.audio.stream import AudioStream
    from av.container import OutputContainer
    from av.packet import Packet

_TAKEN = {
    "mp4": ("aac", "mp3", "ac3", "eac3", "opus", "flac", "alac"),
    "mov": ("aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be"),
    "matroska": ("aac", "mp2", "mp3", "ac3", "eac3", "opus", "vorbis", "flac", "alac", "dts", "pcm_s16le"),
}
_MAX_AAC_RATE = 48_000
_STEREO = 2


class ClipSound:
    """Writes the first sound of a file from `start` on and before `end`; nothing if it has none.

    Args:
        out: the clip, before anything is written to it.
        path: the file; it is opened once more.
        origin: the seconds of its clock at which a player's clock starts.
        start: seconds of presentation time, which become 0.
        end: likewise.
        on_tick: called for every packet.
    """

    def __init__(
        self,
        out: OutputContainer,
        path: Path,
        origin: float,
        start: float,
        end: float,
        on_tick: Callable[[], None],
    ) -> None:
        self._out = out
        self._origin, self._start, self._end = origin, start, end
        self._on_tick = on_tick
        self.packets = 0  # that were written
        self._container = open_container(path)
        source = first_sound(self._container)
        self._packets: Iterator[Packet] = iter(())
        if source is not None:
            self._packets = self._encoded(source) if self._must_encode(source) else self._copied(source)
        self._next: Packet | None = None
        self._stream = None if source is None else self._add_stream(source)

    def write_until(self, time: float) -> None:
        """Write what is heard before `time`, seconds of the clip."""
        while self._stream is not None:
            packet = self._next or next(self._packets, None)
            self._next = packet
            if packet is None or (packet.pts or 0) * float(packet.time_base or 0) >= time:
                return
            self._next = None
            packet.stream = self._stream
            self._out.mux(packet)
            self.packets += 1

    def close(self) -> None:
        """Write the rest."""
        self.write_until(self._end - self._start + 1.0)
        self._container.close()

    def _must_encode(self, source: AudioStream) -> bool:
        return source.codec_context.codec.canonical_name not in _TAKEN.get(self._out.format.name, ())

    def _add_stream(self, source: AudioStream) -> AudioStream:
        if not self._must_encode(source):
            return self._out.add_stream_from_template(source)
        stream = self._out.add_stream("aac", rate=min(source.codec_context.sample_rate, _MAX_AAC_RATE))
        stream.layout = "stereo" if source.codec_context.channels >= _STEREO else "mono"
        return stream

    def _read(self, source: AudioStream) -> Iterator[tuple[float, Packet]]:
        """Packets from shortly before the start on, with their time in seconds."""
        base = float(source.time_base or 0)
        if not stamps_may_jump(self._container):  # else no stamp says where in the file that is
            try:
                position = int((self._start + self._origin - 1.0) / base)
                self._container.seek(position, stream=source, backward=True)
            except av.error.FFmpegError:
                self._container.seek(0)
        for packet in sound_packets(self._container, source):
            self._on_tick()
            if packet.pts is None or not packet.size:
                continue
            time = packet.pts * base - self._origin
            if time >= self._end:
                return
            yield time, packet

    def _copied(self, source: AudioStream) -> Iterator[Packet]:
        base = source.time_base or Fraction(1, av.time_base)
        shift = round((self._start + self._origin) / base)
        for time, packet in self._read(source):
            if time >= self._start:
                assert packet.pts is not None
                packet.pts -= shift
                packet.dts = packet.pts
                yield packet

    def _encoded(self, source: AudioStream) -> Iterator[Packet]:
        assert self._stream is not None
        stream = self._stream
        resampler = AudioResampler("fltp", stream.layout, stream.rate)
        for frame in itertools.chain(self._decoded(source), [None]):
            for piece in resampler.resample(frame):
                yield from stream.encode(piece)
        yield from stream.encode(None)

    def _decoded(self, source: AudioStream) -> Iterator[AudioFrame]:
        for time, packet in self._read(source):
            try:
                frames = source.codec_context.decode(packet)
            except av.error.InvalidDataError:
                continue
            for frame in frames:
                if frame.pts is None or time < self._start:
                    continue
                base = frame.time_base or source.time_base or Fraction(1, av.time_base)
                frame.pts -= round((self._start + self._origin) / base)
                yield frame
