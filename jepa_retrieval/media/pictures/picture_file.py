"""An open photograph or animated picture, and what its header says."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from jepa_retrieval.media.pictures.animation import timing
from jepa_retrieval.media.pictures.hdr import hdr_transfer
from jepa_retrieval.media.pictures.opening import (
    clockwise,
    displayed_size,
    is_animated,
    open_picture,
    stated_orientation,
)
from jepa_retrieval.media.pictures.raw import open_preview
from jepa_retrieval.media.types import MediaInfo


class PictureFile:
    """Use as a context manager.

    Attributes:
        path: the file.
        image: what Pillow has opened; of a RAW photograph its preview.
        orientation: the EXIF orientation that is still to be applied, 1 to 8.
        transfer: its `hdr_transfer`.
        width: in pixels as shown.
        height: in pixels as shown.
        is_animated: whether it is to be treated as a video.

    Args:
        path: the file.
        raw: whether it is a RAW photograph.

    Raises:
        UnreadableMediaError: it is not a picture that can be read, or too large.
    """

    def __init__(self, path: Path, *, raw: bool = False) -> None:
        self.path = path
        self._raw = raw
        if raw:
            self.image, self.orientation = open_preview(path)
            self.transfer = hdr_transfer(self.image)
            self._stated = self.orientation
        else:
            self.image = open_picture(path)
            self.transfer = hdr_transfer(self.image)  # first of all: to look for EXIF may decode a PNG
            self._stated = stated_orientation(self.image) or 1
            self.orientation = (
                1 if self.image.format == "TIFF" else self._stated
            )  # Pillow turns a TIFF itself
        self.width, self.height = displayed_size(self.image, self.orientation)
        self.is_animated = not raw and is_animated(self.image)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.image.close()

    def info(self, *, on_tick: Callable[[], None] | None = None) -> MediaInfo:
        """Describe it; of animated pictures whose header does not tell the duration all frames are decoded.

        Raises:
            UnreadableMediaError: the first frame of an animated picture is damaged.
        """
        codec = "raw" if self._raw else (self.image.format or "").lower() or None
        if not self.is_animated:
            turned = clockwise(self._stated)
            return MediaInfo("image", None, self.width, self.height, None, rotation=turned, codec=codec)
        found = timing(self.path, self.image, on_tick=on_tick)
        rate = found.frames / found.duration
        return MediaInfo("video", found.duration, self.width, self.height, rate, codec=codec)
