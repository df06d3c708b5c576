"""The clock of a file: stamps that begin anew are moved so that time runs on."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.container import InputContainer

# ffmpeg's own limit (-dts_delta_threshold) for formats whose stamps may jump.
JUMP_SECONDS = 10.0
# A frame that is at most this much older than the last one is late, not a clock that was set back.
LATE_SECONDS = 1.0

_STAMPS_MAY_JUMP = 0x0200  # libav's AVFMT_TS_DISCONT


def stamps_may_jump(container: InputContainer) -> bool:
    """Whether stamps may begin anew in the format of an open file."""
    return bool(container.format.flags & _STAMPS_MAY_JUMP)


class PacketClock:
    """Says by how much the stamps of packets, in order of decoding, have to be moved.

    Recordings that were joined, or cut by a recorder, carry stamps that begin anew. A stamp that jumps is taken for
    the one that follows the last.

    Args:
        time_base: seconds per unit of a stamp.
        frame_step: seconds from frame to frame, as far as is known.
        jumps_forward: whether a gap of more than `JUMP_SECONDS` is a clock that was set, not a picture that stands
            still for so long.
    """

    def __init__(self, *, time_base: float, frame_step: float, jumps_forward: bool) -> None:
        self._jump = round(JUMP_SECONDS / time_base) if jumps_forward else None
        self._late = round(LATE_SECONDS / time_base)
        self._step = max(1, round(frame_step / time_base))
        self._last: int | None = None  # the last decoding stamp, moved
        self._shift = 0
        self.jumps = 0

    def move(self, decoding: int, presentation: int | None) -> tuple[int, int | None]:
        """The two stamps of a packet as they should be, given those that are stored."""
        shift = self._shift_for(decoding)
        if presentation is None:
            return decoding + shift, None
        if self._jump is not None and abs(presentation - decoding) > self._jump:
            presentation = decoding + self._step  # libav tells it from the packet after the jump
        return decoding + shift, presentation + shift

    def _shift_for(self, decoding: int) -> int:
        stamp = decoding + self._shift
        if self._last is not None:
            delta = stamp - self._last
            if delta < -self._late or (self._jump is not None and delta > self._jump):
                self.jumps += 1
                self._shift += self._last + self._step - stamp
        self._last = decoding + self._shift
        return self._shift

    def restart(self) -> None:
        """Forget the last stamp and all jumps: packets come from another place of the file."""
        self._last, self._shift = None, 0
