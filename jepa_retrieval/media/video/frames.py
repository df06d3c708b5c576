"""From decoded frames to RGB arrays: scaled, in the right colours, the right way up."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import TYPE_CHECKING, Any, NamedTuple, Self

import numpy as np
from av.filter import Graph
from av.video.reformatter import Colorspace, Interpolation, VideoReformatter

from jepa_retrieval.media.video.tone_mapping import is_hdr, to_sdr

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from jepa_retrieval.media.video.container import Video

_SCALER = Interpolation.AREA | Interpolation.FULL_CHR_H_INT  # the second keeps colours from darkening
_CONVERTIBLE = frozenset({0, 1, 4, 5, 6, 7, 9})  # AVColorSpace: RGB, BT.709, FCC, BT.601 twice, 240M, BT.2020
_UNSPECIFIED = 2  # AVColorSpace
_DISPLAY_MATRIX = 6  # AVFrameSideDataType
_SIDE_DATA_KINDS = 40  # more than libav has
_MATRIX_BYTES = 36  # nine 32-bit numbers
_HD_HEIGHT = 720  # players take unmarked video of this height or more for BT.709, of less for BT.601


class Picture(NamedTuple):
    """A sampled frame, ready for a window."""

    time: float  # presentation time, seconds
    pixels: np.ndarray  # uint8 [h, w, 3] RGB, scaled, upright
    aspect: float  # width / height as shown


@dataclass(frozen=True, slots=True, eq=False)
class Appearance:
    """How a player shows the frames of a video, told by one of them.

    Attributes:
        matrix: the display matrix, as `display_matrix` returns it.
        width: as shown, pixels.
        height: as shown, pixels.
        guessed_bt709: the video does not say which matrix its colours were made with, and its size says BT.709.
        is_hdr: it has a high dynamic range.
        knows_colours: its colour space is one that libav converts, or it does not say which it is.
    """

    matrix: np.ndarray | None
    width: int
    height: int
    guessed_bt709: bool
    is_hdr: bool
    knows_colours: bool

    @classmethod
    def of(cls, video: Video, frame: VideoFrame) -> Self:
        """The appearance of `video`, of which `frame` is one frame."""
        matrix = display_matrix(frame)
        width, height = displayed_size(frame, matrix, video.pixel_aspect)
        marked = frame.colorspace in _CONVERTIBLE
        return cls(
            matrix=matrix,
            width=width,
            height=height,
            guessed_bt709=not marked and not frame.format.is_rgb and frame.height >= _HD_HEIGHT,
            is_hdr=is_hdr(frame.color_trc),
            knows_colours=marked or frame.colorspace == _UNSPECIFIED,
        )

    @property
    def aspect(self) -> float:
        """Width / height."""
        return self.width / self.height

    @property
    def rotation(self) -> int:
        """Degrees clockwise, 0, 90, 180 or 270, that the stored picture is turned by."""
        return quarter_turns(self.matrix)

    @property
    def beyond_other_decoders(self) -> str | None:
        """What of it decord and TorchCodec would show differently; None if nothing."""
        if self.matrix is not None and np.linalg.det(self.matrix.astype(float)) < 0:
            return "it does not mirror video"
        if self.is_hdr:
            return "it does not map a high dynamic range"
        if not self.knows_colours:
            return "it does not know the colour space"
        return None


class Scaler:
    """Scales whole frames to RGB of one size with one scaler that is set up once per video.

    Args:
        size: width and height in pixels, as shown.
        matrix: the video's display matrix, as `display_matrix` returns it.
    """

    def __init__(self, size: tuple[int, int], matrix: np.ndarray | None) -> None:
        self._stored = size if quarter_turns(matrix) in (0, 180) else (size[1], size[0])
        self._matrix = matrix
        self._reformatter = VideoReformatter()

    def __call__(self, frame: VideoFrame) -> np.ndarray:
        """Return uint8 [h, w, 3], in sRGB, rotated and mirrored as a player shows the frame.

        Raises:
            av.error.FFmpegError: libav cannot convert the frame's pixel format.
        """
        hdr = is_hdr(frame.color_trc)
        space = None
        if frame.colorspace not in _CONVERTIBLE:  # unmarked, or damaged
            space = Colorspace.ITU709 if frame.height >= _HD_HEIGHT else Colorspace.ITU601
        small = self._reformatter.reformat(
            frame,
            *self._stored,
            "rgb48le" if hdr else "rgb24",
            src_colorspace=space,
            interpolation=_SCALER,
            threads=1,
        )
        pixels = small.to_ndarray()
        return orient(to_sdr(pixels, frame.color_trc) if hdr else pixels, self._matrix)


def display_matrix(frame: VideoFrame) -> np.ndarray | None:
    """The top left 2 x 2 of the frame's display matrix, or None if it is shown as stored.

    Call it for one frame of a video, not for each: it costs about a millisecond.
    """
    data: Any = _without_other_side_data(frame).side_data.get("DISPLAYMATRIX")
    if data is None or data.buffer_size < _MATRIX_BYTES:
        return None
    matrix = np.frombuffer(bytes(data)[:_MATRIX_BYTES], dtype=np.int32).reshape(3, 3)
    return matrix[:2, :2].copy()


def _without_other_side_data(frame: VideoFrame) -> VideoFrame:
    """A reference to the frame that carries its display matrix at most.

    PyAV reads all side data of a frame or none. It raises for kinds that it does not know, such as EXIF, and frees
    the metadata of others, such as ICC profiles, a second time, which crashes the process later.
    """
    graph = Graph()
    last = graph.add_buffer(
        width=frame.width,
        height=frame.height,
        format=frame.format,
        time_base=frame.time_base or Fraction(1, 25),
    )
    for kind in range(_SIDE_DATA_KINDS):
        if kind != _DISPLAY_MATRIX:
            deleted = graph.add("sidedata", f"mode=delete:type={kind}")
            last.link_to(deleted)
            last = deleted
    sink = graph.add("buffersink")
    last.link_to(sink)
    graph.configure()
    graph.push(frame)
    pulled = graph.pull()
    assert isinstance(pulled, type(frame))
    return pulled


def orient(picture: np.ndarray, matrix: np.ndarray | None) -> np.ndarray:
    """Turn and mirror `picture` [H, W, 3] by a display matrix, to the nearest quarter turn.

    A stored point (x, y) is shown at (x, y) @ matrix.
    """
    if matrix is None:
        return picture
    (a, b), (c, d) = matrix
    if abs(int(b)) > abs(int(a)):
        picture = picture.transpose(1, 0, 2)
        flip_rows, flip_columns = b < 0, c < 0
    else:
        flip_rows, flip_columns = d < 0, a < 0
    if flip_rows:
        picture = picture[::-1]
    if flip_columns:
        picture = picture[:, ::-1]
    return np.ascontiguousarray(picture)


def quarter_turns(matrix: np.ndarray | None) -> int:
    """Degrees clockwise, 0, 90, 180 or 270, that a display matrix turns a picture by."""
    if matrix is None:
        return 0
    (a, b), (_, d) = matrix
    if abs(int(b)) > abs(int(a)):
        return 90 if b > 0 else 270
    return 180 if a < 0 and d < 0 else 0


def displayed_size(frame: VideoFrame, matrix: np.ndarray | None, pixel_aspect: float) -> tuple[int, int]:
    """Width and height in pixels as a player shows the frame: after pixel aspect and rotation."""
    width, height = max(1, round(frame.width * pixel_aspect)), frame.height
    return (height, width) if quarter_turns(matrix) in (90, 270) else (width, height)
