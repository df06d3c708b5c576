"""What a file is, without reading all of it."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.limits import size_problem
from jepa_retrieval.media.types import MediaInfo


def probe(path: Path) -> MediaInfo:
    """Open a video or picture and say what it is; of a video the first frame is decoded.

    Raises:
        UnreadableMediaError: it is missing, not media, has no video, is too large to decode safely, or its first
            frame cannot be decoded.
    """
    path = Path(path)
    if reader_of(path) == "picture":
        return _probe_picture(path)
    return _probe_video(path)


def _probe_picture(path: Path) -> MediaInfo:
    from jepa_retrieval.media.images import open_picture, picture_info

    with open_picture(path) as image:
        return picture_info(path, image)


def _probe_video(path: Path) -> MediaInfo:
    from jepa_retrieval.media.video.container import VideoFile
    from jepa_retrieval.media.video.frames import Appearance

    with VideoFile(path, threads=1) as file:
        frame = file.first_frame()
        shown = Appearance.of(file, frame)
        if problem := size_problem(frame.width, frame.height):
            raise UnreadableMediaError(path, problem)
        codec = file.stream.codec_context.codec.canonical_name
        return MediaInfo(
            kind="video",
            duration=file.duration,
            width=shown.width,
            height=shown.height,
            frame_rate=file.frame_rate,
            rotation=shown.rotation,
            codec=codec,
        )
