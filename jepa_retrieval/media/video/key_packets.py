"""Reads no more of a video in a store than its key frames, where these are enough and its index says where they lie.

MP4 and MOV list every packet with its place and size, Matroska the places of clusters that begin with a key frame.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import av

from jepa_retrieval.media.video.video_file import VideoFile

if TYPE_CHECKING:
    from av.packet import Packet

_MP4, _MATROSKA = "mov,mp4,m4a,3gp,3g2,mj2", "matroska,webm"  # as libav calls them
_FETCHED_TOGETHER = 16  # key frames
_MAX_FETCHED_BYTES = 8 * 2**20
_MIN_GUESS = 2**16  # bytes of a key frame whose size is not stated
_GUESS_RATIO = 1.25  # of the largest seen so far
_MAX_BEFORE_KEY = 64  # packets that may come first after a seek
_ROUNDING = 1e-6  # seconds
_MAX_DELAY = 1.0  # seconds from the time of decoding of a key frame to that of presentation


@dataclass(frozen=True, slots=True)
class KeyFrame:
    """Where a key frame lies, as the container's index says."""

    stamp: int  # in units of the stream's time base: of decoding in MP4, of presentation in Matroska
    begin: int  # byte of the file
    size: int  # bytes; 0 if the index does not say


class KeyPackets:
    """The packets of a video from `start` on, without those of short groups behind their key frame.

    The last group is whole, so that the video's end is known.

    Args:
        file: open, in a store; no other reads from it, because a seek empties the decoder of its file.
        keys: its key frames, in order.
        end: seconds after which nothing is needed.
        key_gap: seconds that a short group lasts at most.
    """

    def __init__(self, file: VideoFile, keys: Sequence[KeyFrame], *, end: float, key_gap: float) -> None:
        self._file = file
        self._keys = keys
        self._end = end
        self._key_gap = key_gap
        self._fetched = 0  # key frames
        self._largest = 0  # bytes of a key frame so far
        self._delay = 0  # from the stamp of a key frame to its presentation
        if file.container.format.name == _MP4 and keys and file.stream.start_time is not None:
            self._delay = max(0, file.stream.start_time - keys[0].stamp)

    @classmethod
    def of(cls, file: VideoFile, *, start: float, end: float, key_gap: float) -> Self | None:
        """None if the file is not in a store, or does not say where key frames of short groups lie."""
        if file.ranges is None or key_gap <= 0 or file.container.format.name not in (_MP4, _MATROSKA):
            return None
        own = VideoFile(file.path, threads=1)
        found = cls(own, key_frames(own), end=end, key_gap=key_gap)
        before = [n for n, key in enumerate(found._keys) if found._time(key) <= start - _MAX_DELAY]
        found._keys = found._keys[max(before, default=0) :]
        if any(map(found._is_short, range(len(found._keys)))):
            return found
        own.container.close()
        return None

    def packets(self) -> Iterator[Packet]:
        """See the class; once only. Errors as of `Video.packets`."""
        with self._file:
            number, place = 0, -1
            while number < len(self._keys):
                if self._is_short(number):
                    packet = self._key_packet(number)
                    if packet is None:  # the index is wrong
                        yield from self._rest(number, place)
                        return
                    following, packets = number + 1, iter([packet])
                else:
                    following = next(filter(self._is_short, range(number + 1, len(self._keys))), -1)
                    packets = self._packets_between(number, following)
                for packet in packets:
                    place = packet.pos if packet.pos is not None else place
                    yield packet
                if following < 0:
                    return
                number = following

    def _time(self, key: KeyFrame) -> float:
        return key.stamp * self._file.time_base - self._file.origin

    def _is_short(self, number: int) -> bool:
        """Whether the key frame of a group is enough; not if the interval ends before the next one."""
        if number + 1 >= len(self._keys):
            return False
        following = self._time(self._keys[number + 1])
        # Stamps may be of decoding, the gap is one of presentation.
        length = following - self._time(self._keys[number]) + self._file.frame_step
        return length <= self._key_gap + _ROUNDING and following + _MAX_DELAY <= self._end

    def _packets_between(self, number: int, following: int) -> Iterator[Packet]:
        """All packets from a key frame to the one before another; to the end if `following` is below 0."""
        begin, end = self._keys[number].begin, self._keys[following].begin
        if following >= 0 and end - begin <= _MAX_FETCHED_BYTES:  # else reading ahead would not stop there
            self._prefetch([(begin, end)])
        self._seek(number)
        for packet in self._file.packets():
            if following >= 0 and _is_at(packet, self._keys[following]):
                return
            yield packet

    def _key_packet(self, number: int) -> Packet | None:
        if number >= self._fetched:
            self._fetch(number)
        self._seek(number)
        for packet in itertools.islice(self._file.packets(), _MAX_BEFORE_KEY):
            if _is_at(packet, self._keys[number]):
                self._largest = max(self._largest, packet.size)
                return packet
        return None

    def _fetch(self, number: int) -> None:
        """Fetch the next key frames together: one after the other each would wait for the store."""
        guess = max(_MIN_GUESS, int(_GUESS_RATIO * self._largest))
        ranges: list[tuple[int, int]] = []
        left = _MAX_FETCHED_BYTES  # what an index claims beyond is read as the decoder asks for it
        for other in itertools.takewhile(self._is_short, range(number, number + _FETCHED_TOGETHER)):
            key = self._keys[other]
            size = min(key.size or guess, left)
            ranges.append((key.begin, key.begin + size))
            left -= size
            if left <= 0:
                break
        self._fetched = number + len(ranges)
        self._prefetch(ranges)

    def _prefetch(self, ranges: Sequence[tuple[int, int]]) -> None:
        if self._file.ranges is not None:
            self._file.ranges.prefetch(ranges)

    def _seek(self, number: int) -> None:
        """Go to a key frame, or to one before."""
        with contextlib.suppress(av.error.FFmpegError):
            stamp = self._keys[number].stamp + self._delay
            self._file.container.seek(stamp, stream=self._file.stream, backward=True)

    def _rest(self, number: int, place: int) -> Iterator[Packet]:
        """All packets behind the byte `place`, read from the key frame before `number` on."""
        before = self._keys[max(number - 1, 0)]
        self._file.seek(self._time(before) + self._delay * self._file.time_base)
        for packet in self._file.packets():
            if packet.pos is None or packet.pos > place:
                yield packet


def key_frames(file: VideoFile) -> list[KeyFrame]:
    """The key frames that the index of an open MP4, MOV or Matroska file lists; none if it is damaged."""
    if file.container.format.name == _MATROSKA:  # its index is read when something is looked for
        with contextlib.suppress(av.error.FFmpegError):
            file.container.seek(0, stream=file.stream)
    entries = file.stream.index_entries
    keys = [KeyFrame(entry.timestamp, entry.pos, entry.size) for entry in entries if entry.is_keyframe]
    in_order = all(one.stamp < following.stamp for one, following in itertools.pairwise(keys))
    size = file.container.size
    return keys if in_order and all(key.begin >= 0 and key.begin + key.size <= size for key in keys) else []


def _is_at(packet: Packet, key: KeyFrame) -> bool:
    return packet.is_keyframe and key.stamp in (packet.dts, packet.pts)
