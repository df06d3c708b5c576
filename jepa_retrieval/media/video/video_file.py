"""Opens a video file with libav: containers by allow-list, and no other file than this one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import NOT_MEDIA, NOT_SOUND, check_regular_file, library_reason
from jepa_retrieval.media.sources.opening import open_binary, open_ranges
from jepa_retrieval.media.suffixes import AUDIO_SUFFIXES
from jepa_retrieval.media.video.appended import appended_picture
from jepa_retrieval.media.video.container import Video
from jepa_retrieval.media.video.formats import FILE_FORMATS, FILE_PROTOCOLS
from jepa_retrieval.source_paths import is_ordinary, is_remote

if TYPE_CHECKING:
    from av.audio.stream import AudioStream
    from av.container import InputContainer

    from jepa_retrieval.media.sources.seeking import SeekableFile


class VideoFile(Video):
    """An open video file; see `Video`.

    Attributes:
        ranges: what libav reads from if the file is in a store; else None.

    Args:
        path: the file.
        threads: see `Video`.
        deblock: see `Video`.

    Raises:
        UnreadableMediaError: it cannot be opened, is of a container format that is not allowed, has no video, or its
            pictures are too large.
    """

    def __init__(self, path: Path, *, threads: int | None = None, deblock: bool = True) -> None:
        self.path = path
        check_regular_file(path)
        container, self.ranges = _open(path)
        super().__init__(path, container, threads=threads, deblock=deblock)

    def other_streams_reach(self, time: float, *, on_tick: Callable[[], None] | None = None) -> bool:
        """Whether sound or another stream beside the pictures goes on after `time`, seconds.

        Headers do not always say so, and not every format can be searched by the time of sound: the file is read once
        more. `on_tick` is called for every packet.
        """
        with (
            contextlib.suppress(av.error.FFmpegError, UnreadableMediaError),
            open_container(self.path) as container,
        ):
            others = [stream for stream in container.streams if stream.index != self.stream.index]
            if not others:
                return False
            for packet in container.demux(others):
                if on_tick is not None:
                    on_tick()
                if packet.pts is not None and packet.pts * float(packet.time_base) - self.origin > time:
                    return True
        return False


def open_container(path: Path) -> InputContainer:
    """Open a file with libav, whatever is in it.

    Raises:
        UnreadableMediaError: it cannot be opened, or is of a container format that is not allowed.
    """
    return _open(path)[0]


def libav_source(path: Path) -> Any:
    """What libav opens to read a file, on disk or elsewhere; errors as of `opening.status`."""
    if is_remote(path):
        return open_ranges(path)
    # "file:" keeps names such as "a:b.mp4" from being taken for a protocol
    return "file:" + os.path.abspath(path) if is_ordinary(path) else open_binary(path)


def _open(path: Path) -> tuple[InputContainer, SeekableFile | None]:
    try:
        if (at := appended_picture(path)) is not None:
            raise UnreadableMediaError(
                path, f"a HEIF picture follows the video at byte {at:,}: cut it off there"
            )
        source = libav_source(path)
        container = av.open(
            source,
            mode="r",
            metadata_errors="replace",
            options={"protocol_whitelist": FILE_PROTOCOLS, "format_whitelist": FILE_FORMATS},
        )
        return container, source if is_remote(path) else None
    except Exception as error:
        reason = library_reason(error)
        if reason == NOT_MEDIA and path.suffix.lower() in AUDIO_SUFFIXES:
            reason = NOT_SOUND
        raise UnreadableMediaError(path, reason) from error


def first_sound(container: InputContainer) -> AudioStream | None:
    """The first stream of sound that can be decoded; None without."""
    return next((stream for stream in container.streams.audio if stream.codec_context), None)
