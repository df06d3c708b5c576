"""Small videos and pictures in many formats, made on the fly: scenes with moving shapes and some noise."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np

# Format: the encoder and its pixel format for videos; None for what Pillow writes.
FORMATS: dict[str, tuple[str, str] | None] = {
    "mp4": ("libx264", "yuv420p"),
    "mkv": ("libx264", "yuv420p"),
    "webm": ("libvpx", "yuv420p"),
    "avi": ("mpeg4", "yuv420p"),
    "mov": ("mjpeg", "yuvj420p"),
    "ts": ("mpeg2video", "yuv420p"),
    "flv": ("flv", "yuv420p"),
    "gif": None,
    "jpg": None,
    "png": None,
    "webp": None,
    "tiff": None,
    "bmp": None,
    "heic": None,
}
VIDEOS = tuple(name for name, encoder in FORMATS.items() if encoder is not None)
FRAMES_PER_SECOND = 10


def make_media(path: Path, *, random: np.random.Generator, seconds: float = 3.0, side: int = 96) -> Path:
    """Write a video, animation or picture in the format that the suffix of `path` names.

    Args:
        path: where to.
        random: draws colours, movement and noise.
        seconds: duration of videos and animations.
        side: width in pixels; the height is three quarters of it.
    """
    encoder = FORMATS[path.suffix[1:]]
    size = (side, side * 3 // 4)
    frames = _frames(random, count=round(seconds * FRAMES_PER_SECOND), size=size)
    if encoder is not None:
        _write_video(path, frames, *encoder, size=size)
    elif path.suffix == ".gif":
        _write_animation(path, frames)
    else:
        _write_picture(path, next(frames))
    return path


def _frames(random: np.random.Generator, *, count: int, size: tuple[int, int]) -> Iterator[np.ndarray]:
    """Pictures, uint8 [H, W, 3]: two scenes of one colour each, a square that moves, and noise."""
    width, height = size
    ground, colour = random.integers(0, 256, (2, 3)), random.integers(0, 256, (2, 3))
    square = height // 3
    for number in range(count):
        scene = 2 * number // count
        picture = np.broadcast_to(ground[scene], (height, width, 3)) + random.integers(
            -20, 21, (height, width, 3)
        )
        left = (width - square) * number // max(1, count - 1)
        picture[square : 2 * square, left : left + square] = colour[scene]
        yield picture.clip(0, 255).astype(np.uint8)


def _write_video(
    path: Path, frames: Iterator[np.ndarray], codec: str, pixel_format: str, *, size: tuple[int, int]
) -> None:
    import av

    # Without random identifiers: the same generator makes the same file.
    with av.open(str(path), "w", options={"fflags": "+bitexact"}) as container:
        stream = container.add_stream(codec, rate=FRAMES_PER_SECOND)
        assert isinstance(stream, av.VideoStream)
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.thread_count = 1
        if codec == "libx264":  # with its look-ahead it does not always write the same
            stream.codec_context.options = {"preset": "ultrafast", "bf": "2"}
        stream.codec_context.gop_size = FRAMES_PER_SECOND
        stream.codec_context.time_base = Fraction(1, FRAMES_PER_SECOND)
        for number, picture in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = number, Fraction(1, FRAMES_PER_SECOND)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _write_animation(path: Path, frames: Iterator[np.ndarray]) -> None:
    from PIL import Image

    first, *others = (Image.fromarray(picture) for picture in frames)
    delay = 1000 // FRAMES_PER_SECOND
    first.save(path, save_all=True, append_images=others, duration=delay, loop=0)


def _write_picture(path: Path, picture: np.ndarray) -> None:
    from PIL import Image

    if path.suffix == ".heic":
        from pillow_heif import register_heif_opener

        register_heif_opener()
    Image.fromarray(picture).save(path)
