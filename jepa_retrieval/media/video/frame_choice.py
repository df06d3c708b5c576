"""Chooses the frames of a video to keep from its packets alone, so that every decoder keeps the same frames.

Packets come in groups (GOPs) that begin with a key frame. Of a group that is shorter than the plan's `key_gap` the
key frame alone is a candidate, of a longer one every frame. In each slot of the plan the candidate nearest to the
middle is wanted. Whether a group is short is known once the next key frame arrives, so its packets are held back
until then, for `key_gap` seconds of video at most; and which frame is nearest is known once no earlier packet can
come. Memory is independent of the length of the video.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from jepa_retrieval.media.limits import MAX_UNDECIDED_BYTES
from jepa_retrieval.media.sampling import SamplingPlan

if TYPE_CHECKING:
    from av.packet import Packet

    from jepa_retrieval.media.video.container import Video

_BEFORE_START = (
    -1
)  # the slot of frames before the start, of which the last is wanted: it may still be on screen


@dataclass(slots=True)
class Step:
    """One packet, and what to do with it.

    Attributes:
        packet: to be decoded.
        alone: it is a key frame that is decoded by itself; otherwise the packets before it were decoded too.
        fresh: it is not alone, and the decoder must be reset before it.
        wanted: its frame is to be kept. Frames that are not wanted are decoded only where others refer to them.
    """

    packet: Packet
    alone: bool
    fresh: bool = False
    wanted: bool | None = None  # None while it is undecided


class FrameChooser:
    """Turns packets in order of decoding into steps in the same order.

    Args:
        video: that the packets are of.
        plan: how densely to sample.
        start: seconds that slots are counted from; of the frames before it the last one is wanted too.
        end: seconds; no frame at or after it is wanted.
    """

    def __init__(
        self, video: Video, plan: SamplingPlan, *, start: float = 0.0, end: float = math.inf
    ) -> None:
        self._video = video
        self._plan = plan
        self._start = start
        self._end = end
        self._best: dict[int, tuple[float, float, Step]] = {}  # by slot: distance from its middle, time, step
        self._decided = _BEFORE_START - 1  # slots up to this one have their frame

    def steps(self, packets: Iterable[Packet]) -> Iterator[Step]:
        """Yield what to do with each packet; packets that are of no use are left out."""
        held: deque[Step] = deque()
        size = 0
        for step in self._candidates(packets):
            self._consider(step)
            held.append(step)
            size += step.packet.size
            if size > MAX_UNDECIDED_BYTES:  # its stamps do not say when the slot is over
                held[0].wanted = True
            while held and held[0].wanted is not None:
                size -= held[0].packet.size
                yield from _of_use(held.popleft())
        for _, _, step in self._best.values():
            step.wanted = True
        for step in held:
            yield from _of_use(step)

    def _candidates(self, packets: Iterable[Packet]) -> Iterator[Step]:
        """Split packets into groups: the key frames of short ones, all packets of long ones."""
        group: list[Packet] = []  # from a key frame on: held back until it is known to be short or long
        size = 0
        whole = False  # whether the last packet belonged to a group that is decoded whole
        for packet in packets:
            if packet.pts is None and packet.dts is None:
                yield Step(
                    packet, alone=False
                )  # its time is known only once all frames before it are decoded
            elif self._plan.keys_only:
                if packet.is_keyframe:
                    yield Step(packet, alone=True)
            elif packet.is_keyframe and self._plan.key_gap >= 0:
                if group:
                    if self._gap(group[0], packet) <= self._plan.key_gap:
                        yield Step(group[0], alone=True)
                        whole = False
                    else:
                        yield from self._whole(group, fresh=not whole)
                        whole = True
                group, size = [packet], packet.size
            elif group:
                group.append(packet)
                size += packet.size
                if size > MAX_UNDECIDED_BYTES or self._gap(group[0], packet) > self._plan.key_gap:
                    yield from self._whole(group, fresh=not whole)
                    group, whole = [], True
            else:
                yield Step(packet, alone=False)
        if group:  # nothing follows to measure it by, and it may be the whole video
            yield from self._whole(group, fresh=not whole)

    def _whole(self, group: list[Packet], *, fresh: bool) -> Iterator[Step]:
        """A group that is decoded from its key frame on."""
        key, *others = group
        yield Step(key, alone=False, fresh=fresh)
        for packet in others:
            leading = key.pts is not None and packet.pts is not None and packet.pts < key.pts
            if not (fresh and leading):  # leading packets refer to frames of the group before
                yield Step(packet, alone=False)

    def _gap(self, first: Packet, last: Packet) -> float:
        """Seconds from one packet to another; infinity if their stamps do not say."""
        begin, end = self._video.packet_time(first), self._video.packet_time(last)
        return math.inf if begin is None or end is None else end - begin

    def _consider(self, step: Step) -> None:
        """Compare a candidate with the best one of its slot, and decide slots for which no better one can come."""
        packet = step.packet
        time = None if packet.pts is None else self._video.packet_time(packet)
        self._decide(self._video.decode_time(packet))
        if time is None:
            step.wanted = True  # which frame it is shows once it is decoded
            return
        slot = _BEFORE_START if time < self._start else self._plan.slot(time, self._start)
        if packet.is_discard or time >= self._end or slot <= self._decided:
            step.wanted = False
            return
        rank = (abs(time - self._goal(slot)), time)
        best = self._best.get(slot)
        if best is not None and best[:2] <= rank:
            step.wanted = False
            return
        if best is not None:
            best[2].wanted = False
        self._best[slot] = (*rank, step)

    def _decide(self, due: float | None) -> None:
        """Settle the slots whose best frame is nearer than any frame that is decoded at `due` seconds or later."""
        if due is None:
            return
        for slot in sorted(self._best):
            distance, _, step = self._best[slot]
            if due < self._goal(slot) + distance:
                return
            step.wanted = True
            del self._best[slot]
            self._decided = max(self._decided, slot)

    def _goal(self, slot: int) -> float:
        """The time that frames of a slot should be near to, seconds."""
        return self._start if slot == _BEFORE_START else self._plan.middle(slot, self._start)


def _of_use(step: Step) -> Iterator[Step]:
    if step.wanted or not step.alone:
        yield step
