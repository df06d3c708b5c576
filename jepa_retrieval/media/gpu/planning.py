"""Which frames of a video to decode on a GPU: told by a worker process, which reads the packets first.

The process that embeds opens only files that have been read to their end by a worker, packet by packet.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.hashing import content_hash
from jepa_retrieval.media.probing import probe
from jepa_retrieval.media.reasons import check_regular_file
from jepa_retrieval.media.sources.opening import Status
from jepa_retrieval.media.types import DecodeRequest, MediaInfo, ReadReport
from jepa_retrieval.media.video.frame_sources import UnsuitableError
from jepa_retrieval.media.video.frames import Appearance
from jepa_retrieval.media.video.other_decoders import wanted_times
from jepa_retrieval.media.video.video_file import VideoFile


@dataclass(frozen=True, slots=True, eq=False)
class FramePlan:
    """The frames of a video to decode, and what is known of the file.

    Attributes:
        info: as of `probe`.
        times: of the frames to keep, float64 [N], seconds.
        origin: what to add to a time for the stream's own stamp, seconds.
        aspect: width / height as shown.
        guessed_bt709: as of `Appearance`.
        rotation: degrees clockwise that a player turns the stored picture.
        status: of the file, before it was read.
        content_hash: empty if it was not asked for.
        report: of the reading.
    """

    info: MediaInfo
    times: np.ndarray
    origin: float
    aspect: float
    guessed_bt709: bool
    rotation: int
    status: Status
    content_hash: str
    report: ReadReport


def plan_frames(path: Path, request: DecodeRequest, *, on_tick: Callable[[], None]) -> FramePlan | str:
    """The plan for a video, or why the frames of a GPU would differ from PyAV's. Called in a worker process.

    Raises:
        UnreadableMediaError: the file cannot be read.
    """
    status = check_regular_file(path)
    info = probe(path, on_tick=on_tick)
    report = ReadReport()
    with VideoFile(path, threads=1) as file:
        shown = Appearance.of(file, file.first_frame())
    if problem := shown.beyond_other_decoders:
        return problem
    try:
        with VideoFile(path) as file:
            times = wanted_times(file, request, report=report, on_tick=on_tick, closed=False)
            origin = file.origin
    except UnsuitableError as error:
        return str(error)
    if not len(times):
        return "it finds no frame in it"
    digest = content_hash(path, on_tick=on_tick) if request.hash_content else ""
    if check_regular_file(path) != status:
        raise UnreadableMediaError(path, "was changed while it was read")
    return FramePlan(
        info=info,
        times=times,
        origin=origin,
        aspect=shown.aspect,
        guessed_bt709=shown.guessed_bt709,
        rotation=shown.rotation,
        status=status,
        content_hash=digest,
        report=report,
    )
