"""Encodes frames of a video as H.264 that every program plays, at their own times."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

import av
from av.video.frame import PictureType
from av.video.reformatter import VideoReformatter

from jepa_retrieval.media.video.frames import Appearance, Scaler

if TYPE_CHECKING:
    from av.container import OutputContainer
    from av.video.frame import VideoFrame

    from jepa_retrieval.media.video.container import Video

_OPTIONS = {"crf": "17", "preset": "veryfast"}
_MAX_DENOMINATOR = 90_000  # of the encoder's clock


class ClipEncoder:
    """Writes frames to a stream of their own; the first is shown at 0.

    A high dynamic range is mapped to the standard one. Of the rest only the pixel format changes (8 bits, 4:2:0), and
    a last odd row or column is dropped. Rotation is stated as in the original, or applied where the range is mapped.

    Args:
        out: where to.
        video: where the frames come from.
        first: the first of them.
    """

    def __init__(self, out: OutputContainer, video: Video, first: VideoFrame) -> None:
        self._out = out
        self.frames = 0
        self._base = first.time_base or Fraction(1, _MAX_DENOMINATOR)
        self._first = first.pts or 0
        shown = Appearance.of(video, first)
        self._map = Scaler((shown.width, shown.height), shown.matrix) if shown.is_hdr else None
        size = (shown.width, shown.height) if shown.is_hdr else (first.width, first.height)
        self._size = max(2, size[0] & ~1), max(2, size[1] & ~1)
        self._reformat = VideoReformatter()
        rate = Fraction(video.frame_rate or 25).limit_denominator(1001)
        self.stream = stream = out.add_stream("libx264", rate=rate, options=_OPTIONS)
        stream.width, stream.height = self._size
        stream.pix_fmt = "yuv420p"
        context = stream.codec_context
        context.time_base = self._base if self._base.denominator <= _MAX_DENOMINATOR * 10 else 1 / rate
        if self._map is None:
            context.sample_aspect_ratio = Fraction(video.pixel_aspect).limit_denominator(1000)
            source = video.stream.codec_context
            context.color_range, context.colorspace = source.color_range, source.colorspace
            context.color_primaries, context.color_trc = source.color_primaries, source.color_trc
            if shown.matrix is not None:
                (a, b), (c, d) = shown.matrix.tolist()
                stream.set_display_matrix((a, b, 0, c, d, 0, 0, 0, 1 << 30))

    def add(self, frame: VideoFrame) -> float:
        """Encode a frame; returns when it is shown, seconds."""
        time = ((frame.pts or 0) - self._first) * self._base
        if self._map is not None:
            frame = av.VideoFrame.from_ndarray(self._map(frame), format="rgb24")
        out = self._reformat.reformat(frame, *self._size, "yuv420p")
        out.pict_type = PictureType.NONE  # the encoder chooses
        out.time_base = self.stream.codec_context.time_base
        out.pts = round(time / out.time_base)
        self._out.mux(self.stream.encode(out))
        self.frames += 1
        return float(time)

    def close(self) -> None:
        """Write the rest."""
        self._out.mux(self.stream.encode(None))
