"""Sound of joined recordings: its stamps are moved as those of the pictures beside it are."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import TYPE_CHECKING

from jepa_retrieval.media.video.origin import shown_stream
from jepa_retrieval.media.video.packet_clock import JUMP_SECONDS, LATE_SECONDS, PacketClock, stamps_may_jump

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_DEFAULT_RATE = 25  # frames per second


def sound_packets(container: InputContainer, sound: AudioStream) -> Iterator[Packet]:
    """The packets of a stream of sound from where the file stands, the empty one at the end too, on one clock.

    Where stamps may begin anew, the file has to stand at its beginning, and the packets of its pictures are read too.
    """
    if not stamps_may_jump(container):
        yield from container.demux(sound)
        return
    pictures = shown_stream(container)
    clock = SoundClock(sound, pictures)
    packets = container.demux([sound] if pictures is None else [sound, pictures])
    with contextlib.suppress(IndexError):  # at the end PyAV stumbles over streams that appeared on the way
        for packet in packets:
            if packet.stream.index == sound.index:
                clock.move(packet)
                yield packet
            else:
                clock.note_picture(packet)


class SoundClock:
    """Moves the stamps of sound, given all packets in the order of the file.

    Pictures and sound of a recording have one clock, but at a joint either may come first. Sound whose stamps jump
    before those of the pictures goes on where it ended until they do.

    Args:
        sound: the stream of sound.
        pictures: the pictures that are shown; None without.
    """

    def __init__(self, sound: AudioStream, pictures: VideoStream | None) -> None:
        self._unit = float(sound.time_base or 0) or 1.0
        self._pictures = None if pictures is None else _clock_of(pictures)
        self._picture_unit = 0.0 if pictures is None else float(pictures.time_base or 0)
        self._picture_time: float | None = None  # seconds, moved
        self._picture_shift = 0.0  # seconds
        self._shift = 0.0
        self._end: float | None = None  # of the last packet of sound, moved
        self._followed = 0  # jumps of the pictures
        self._is_guess = False  # whether the shift is that of the sound alone

    def note_picture(self, packet: Packet) -> None:
        """Take note of a packet of the pictures."""
        if self._pictures is None or packet.dts is None:
            return
        moved, _ = self._pictures.move(packet.dts, None)
        self._picture_time = moved * self._picture_unit
        self._picture_shift = (moved - packet.dts) * self._picture_unit

    def move(self, packet: Packet) -> None:
        """Move the stamps of a packet of sound."""
        stamp = packet.dts if packet.dts is not None else packet.pts
        if stamp is None or not packet.size:
            return
        self._choose_shift(stamp * self._unit)
        self._end = stamp * self._unit + self._shift + (packet.duration or 0) * self._unit
        shift = round(self._shift / self._unit)
        if packet.pts is not None:
            packet.pts += shift
        if packet.dts is not None:
            packet.dts += shift

    def _choose_shift(self, time: float) -> None:
        """Choose by how much sound is moved whose stamp is `time`, seconds."""
        if self._end is None:
            self._follow()
            return
        gap, gap_if_followed = (time + shift - self._end for shift in (self._shift, self._picture_shift))
        if self._pictures is not None and self._followed < self._pictures.jumps:
            nearer = abs(gap_if_followed) < (JUMP_SECONDS if self._is_guess else abs(gap))
            if nearer:
                self._follow()
                return
        is_with_pictures = (
            self._picture_time is not None and abs(time + self._shift - self._picture_time) <= JUMP_SECONDS
        )
        if gap < -LATE_SECONDS or (gap > JUMP_SECONDS and not is_with_pictures):
            self._shift -= gap
            self._is_guess = True

    def _follow(self) -> None:
        self._shift = self._picture_shift
        self._followed = 0 if self._pictures is None else self._pictures.jumps
        self._is_guess = False


def _clock_of(pictures: VideoStream) -> PacketClock:
    rate = float(pictures.average_rate or pictures.guessed_rate or _DEFAULT_RATE)
    return PacketClock(time_base=float(pictures.time_base or 1), frame_step=1.0 / rate, jumps_forward=True)
