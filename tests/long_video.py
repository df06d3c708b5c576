"""Long videos of many bytes, made quickly: one group of pictures (GOP) that is repeated."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

FRAME_RATE = 10


def make_long_video(
    path: Path,
    *,
    groups: Sequence[int],
    size: tuple[int, int] = (320, 180),
    reordered: bool = True,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video of noise, of which key frames are a small part.

    Args:
        path: where to; the suffix chooses the container.
        groups: frames of each group, at most `FRAME_RATE` * 4.
        size: width and height.
        reordered: whether frames are decoded in another order than they are shown.
        container_options: of the muxer.
    """
    packets: dict[int, list[av.Packet]] = {}
    with av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream("libx264", rate=FRAME_RATE)
        stream.width, stream.height, stream.pix_fmt = *size, "yuv420p"
        stream.codec_context.gop_size = 1000
        stream.codec_context.options = {"preset": "ultrafast", "bf": "2" if reordered else "0", "crf": "30"}
        first = 0
        for frames in groups:
            if frames not in packets:
                packets[frames] = _group(stream, frames, size)
            for template in packets[frames]:
                packet = av.Packet(bytes(template))
                packet.stream, packet.time_base = stream, Fraction(1, FRAME_RATE)
                packet.pts, packet.dts = template.pts + first, template.dts + first
                packet.is_keyframe, packet.duration = template.is_keyframe, 1
                container.mux(packet)
            first += frames
    return path


def _group(stream: av.VideoStream, frames: int, size: tuple[int, int]) -> list[av.Packet]:
    """The packets of a group that begins with a picture in one colour, and goes on with noise."""
    random = np.random.default_rng(frames)
    context = av.CodecContext.create("libx264", "w")
    context.width, context.height, context.pix_fmt = *size, "yuv420p"
    context.time_base, context.framerate = Fraction(1, FRAME_RATE), Fraction(FRAME_RATE)
    context.gop_size = 1000
    context.options = dict(stream.codec_context.options)
    packets = []
    for number in range(frames):
        picture = np.full((size[1], size[0], 3), 5 * frames % 256, np.uint8)
        if number:
            picture = random.integers(0, 256, picture.shape, np.uint8)
        frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
        frame.pts = number
        packets += context.encode(frame)
    return packets + context.encode(None)
