"""Whether a video ends before the end that its header states."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jepa_retrieval.media.video.container import Video
    from jepa_retrieval.media.video.video_file import VideoFile

MIN_MISSING_SECONDS = 1.0  # less is not reported
_MIN_MISSING_SHARE = 0.02  # of the duration too, before a file is called cut off


def ends_early(video: Video, reached: float) -> bool:
    """Whether the header states an end well after `reached`, seconds; sound may explain that."""
    header = video.picture_end
    if not header or video.clock_jumps:
        return False
    return is_cut_off(reached, header)


def is_cut_off(reached: float, stated: float) -> bool:
    """Whether what ends at `reached`, seconds, ends well before the end that its header states."""
    return stated - reached > max(MIN_MISSING_SECONDS, _MIN_MISSING_SHARE * stated)


def cut_off_reason(
    file: VideoFile, reached: float, *, on_tick: Callable[[], None] | None = None
) -> str | None:
    """What of a video is missing whose pictures end at `reached`, seconds; None if nothing is.

    Args:
        file: the open video.
        reached: where its last picture ends.
        on_tick: called often if the file has to be read once more.
    """
    if not ends_early(file, reached):
        return None
    header = file.picture_end or 0.0
    # Where one duration is stated for all streams, sound may well end later than the pictures.
    if not file.states_own_duration and file.other_streams_reach(
        header - MIN_MISSING_SECONDS, on_tick=on_tick
    ):
        return None
    return f"is cut off: {reached:.1f} of {header:.1f} seconds are there"
