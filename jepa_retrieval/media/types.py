"""Requests to the media floor and what it returns. Imports nothing heavy: the query path uses these too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from indexes.records import MediaKind
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.decoders import Decoder, resolve_decoder
from jepa_retrieval.media.frame_fit import SQUEEZE, Fit

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

Sampling = Literal["auto", "keyframes"] | float


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """What a file's header and first picture say; of audio, what its header says."""

    kind: MediaKind
    duration: float | None  # seconds; None for still pictures and where the header does not say
    width: int  # pixels as displayed: after rotation and pixel aspect; 0 for audio
    height: int
    frame_rate: float | None  # mean frames per second; None for still pictures and audio
    rotation: int = 0  # degrees clockwise that a player turns the stored picture: 0, 90, 180 or 270
    codec: str | None = None  # "h264", "hevc", "jpeg", "mp3", ...


@dataclass(frozen=True, slots=True)
class DecodeRequest:
    """Which frames of one file to read, and how large.

    Times are seconds of presentation time, 0 being where a player's clock starts (the container's start time).

    Attributes:
        path: the media file.
        image_size: side S of the squares that pictures become, pixels.
        fit: how they become square.
        window: length of a window in seconds.
        sampling: frames per second (never more than `frames_per_window / window`); "keyframes": key frames
            only; "auto": key frames where they are no further apart than a window, 2 frames per second elsewhere.
        frames_per_window: maximum number of frames in one window.
        start: where reading starts; windows are counted from here. None: the beginning.
        end: where reading ends. None: the end.
        thumbnails: whether windows carry a JPEG.
        hash_content: whether a worker process reads all of the file for `Finished.content_hash`.
        decoder: which library decodes videos: "pyav" reads everything; "decord" (Linux x86_64) and "torchcodec" give
            the same frames, and leave to PyAV what they would show differently; "nvdec" is TorchCodec on the GPU of
            `DecodePool.run`, and PyAV everywhere else; "auto": the one that $JEPA_DECODER names, or PyAV.
            Photographs and animated pictures are always read with Pillow.
        sound: whether a file with sound only is described, without windows, and not refused.
    """

    path: Path
    image_size: int
    fit: Fit = SQUEEZE
    window: float = 2.0
    sampling: Sampling = "auto"
    frames_per_window: int = 4
    start: float | None = None
    end: float | None = None
    thumbnails: bool = True
    hash_content: bool = True
    decoder: Decoder = "auto"
    sound: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "path", Path(self.path))
        if not 1 <= self.image_size <= 4096:
            raise UsageError(f"image_size must be 1 to 4096 pixels, not {self.image_size}")
        if not (math.isfinite(self.window) and self.window > 0):
            raise UsageError(f"window must be a number of seconds above 0, not {self.window}")
        if self.frames_per_window < 1:
            raise UsageError(f"frames_per_window must be at least 1, not {self.frames_per_window}")
        if isinstance(self.sampling, str):
            if self.sampling not in ("auto", "keyframes"):
                raise UsageError(
                    f"sampling must be 'auto', 'keyframes' or frames per second, not {self.sampling!r}"
                )
        elif not (math.isfinite(self.sampling) and self.sampling > 0):
            raise UsageError(f"sampling must be frames per second above 0, not {self.sampling}")
        resolve_decoder(self.decoder)
        for name, value in (("start", self.start), ("end", self.end)):
            if value is not None and not (math.isfinite(value) and value >= 0):
                raise UsageError(f"{name} must be seconds of at least 0, not {value}")
        if self.end is not None and self.end <= (self.start or 0.0):
            raise UsageError(f"end ({self.end} s) must be after start ({self.start or 0.0} s)")


@dataclass(frozen=True, slots=True, eq=False)
class MediaWindow:
    """What the X-Encoder sees at once: a few frames over a few seconds.

    Windows lie on a grid of `DecodeRequest.window` seconds. A window of the grid without any frame of its own
    (a picture that stands still in a slide show, key frames far apart) belongs to the window before, whose `end` is
    later then, so that windows always cover the video without gaps. The last one ends where the video ends.
    """

    start: float | None  # seconds of presentation time; None for still pictures
    end: float | None
    times: np.ndarray  # float64 [T], presentation time of each frame; [0.0] for still pictures
    # uint8 [crops * T, S, S, 3] RGB: the first square of every picture, then the second, and so on (frame_fit.py)
    frames: np.ndarray
    thumbnail: bytes | None = None  # JPEG in true aspect, longest side 256 pixels
    crops: int = 1  # squares that each picture became

    def by_crop(self) -> np.ndarray:
        """The frames as uint8 [crops, T, S, S, 3]."""
        return self.frames.reshape(self.crops, -1, *self.frames.shape[1:])


@dataclass(frozen=True, slots=True, eq=False)
class GpuWindow(MediaWindow):
    """A window whose frames were decoded on a GPU and are there."""

    frames: Tensor  # type: ignore[assignment]  # as in `MediaWindow`, on the GPU


@dataclass(slots=True)
class ReadReport:
    """What is known of a file only once it is read. `read_windows` fills the one that it is given."""

    duration: float | None = None  # seconds up to where the last frame seen ends; None for still pictures
    warnings: list[str] = field(default_factory=list)  # harmless problems, one sentence each
    partial: list[str] = field(default_factory=list)  # why frames are missing, one reason each


@dataclass(frozen=True, slots=True)
class CallRequest:
    """A function to call in a worker process, where a damaged file can do no harm.

    Attributes:
        function: one that its module and name can be pickled by. It takes the path, `arguments`, and the keyword
            `on_tick`, a function to call often while it takes long. Its result is pickled too.
        path: the media file.
        arguments: what else the function takes.
    """

    function: Callable[..., Any]
    path: Path
    arguments: tuple[Any, ...] = ()


@dataclass(frozen=True, slots=True)
class Probed:
    """The file could be opened; its windows follow."""

    request: DecodeRequest
    info: MediaInfo


@dataclass(frozen=True, slots=True, eq=False)
class Decoded:
    """Some windows of the file, in order of time."""

    request: DecodeRequest
    windows: list[MediaWindow]


@dataclass(frozen=True, slots=True)
class Finished:
    """All windows of the file were delivered."""

    request: DecodeRequest
    content_hash: str  # xxh3_128 of the whole file, hexadecimal; empty if it was not asked for
    duration: float | None = None  # seconds, as found while reading; None for still pictures
    warnings: tuple[str, ...] = ()  # harmless problems, one sentence each
    partial: str | None = None  # why windows are missing, in a few words without the path; None if none is
    fetched: int = 0  # bytes that were read from a store


@dataclass(frozen=True, slots=True)
class Failed:
    """The file cannot be used; windows that were delivered before must be forgotten."""

    request: DecodeRequest
    reason: str  # a few words without the path


Event = Probed | Decoded | Finished | Failed
