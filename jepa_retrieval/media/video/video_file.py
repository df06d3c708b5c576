"""Opens a video file with libav: containers by allow-list, and no other file than this one."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import av

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.reasons import check_regular_file, library_reason
from jepa_retrieval.media.video.container import Video
from jepa_retrieval.media.video.formats import FILE_FORMATS, FILE_PROTOCOLS

if TYPE_CHECKING:
    from av.container import InputContainer


class VideoFile(Video):
    """An open video file; see `Video`.

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
        try:
            # "file:" keeps names such as "a:b.mp4" from being taken for a protocol
            container: InputContainer = av.open(
                "file:" + os.path.abspath(path),
                metadata_errors="replace",
                options={"protocol_whitelist": FILE_PROTOCOLS, "format_whitelist": FILE_FORMATS},
            )
        except Exception as error:
            raise UnreadableMediaError(path, library_reason(error)) from error
        super().__init__(path, container, threads=threads, deblock=deblock)
