"""Describes a file without reading all of it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.limits import size_problem
from jepa_retrieval.media.reasons import ONLY_SOUND
from jepa_retrieval.media.types import MediaInfo


def probe(path: Path, *, sound: bool = False, on_tick: Callable[[], None] | None = None) -> MediaInfo:
    """Open a video or picture and describe it; of a video the first frame is decoded.

    Args:
        path: the file.
        sound: describe a file with sound only, too.
        on_tick: called often while it takes long, so that the caller can show progress.

    Raises:
        UnreadableMediaError: it is missing, not media, has nothing to see, is too large to decode safely, or its
            first frame cannot be decoded.
    """
    path = Path(path)
    reader = reader_of(path)
    if reader == "video":
        try:
            return _probe_video(path)
        except UnreadableMediaError as error:
            if not (sound and error.reason == ONLY_SOUND):
                raise
        from jepa_retrieval.media.sound.describing import describe_sound

        return describe_sound(path)
    from jepa_retrieval.media.pictures.picture_file import PictureFile

    with PictureFile(path, raw=reader == "raw") as file:
        return file.info(on_tick=on_tick)


def _probe_video(path: Path) -> MediaInfo:
    from jepa_retrieval.media.video.frames import Appearance
    from jepa_retrieval.media.video.video_file import VideoFile

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
