"""Makes small videos and pictures whose every frame says its own time: other tests build on these too."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageCms

Colour = tuple[int, int, int]

RED: Colour = (200, 40, 40)
GREEN: Colour = (40, 180, 60)
BLUE: Colour = (40, 60, 200)
YELLOW: Colour = (220, 200, 40)

_TIME_BASE = Fraction(1, 90_000)


@contextmanager
def _own_priority() -> Iterator[None]:
    """SVT-AV1, opened by root, gives its thread real-time priority, which whatever is started later would inherit."""
    scheduler, parameters = os.sched_getscheduler(0), os.sched_getparam(0)
    try:
        yield
    finally:
        os.sched_setscheduler(0, scheduler, parameters)


def make_video(
    path: Path,
    *,
    seconds: float = 4.0,
    fps: float = 25.0,
    size: tuple[int, int] = (160, 96),
    scenes: Sequence[Colour] = (RED, GREEN, BLUE, YELLOW),
    times: Sequence[float] | None = None,
    gop: int = 250,
    codec: str = "libx264",
    pixel_format: str = "yuv420p",
    rotation: int = 0,
    pixel_aspect: Fraction | None = None,
    start_time: float = 0.0,
    sound: bool = False,
    sound_seconds: float | None = None,
    options: dict[str, str] | None = None,
    container_options: dict[str, str] | None = None,
) -> Path:
    """Write a video of scenes of equal length, each in one colour with a bright square in the top left corner.

    Args:
        path: where to; the suffix chooses the container.
        seconds: duration; ignored if `times` is given.
        fps: frames per second.
        size: stored width and height.
        scenes: colour of each scene, in order.
        times: presentation time of every frame, for a variable frame rate.
        gop: most frames from one key frame to the next; key frames come at scene cuts only if `options` says so.
        codec: libav encoder.
        pixel_format: of the encoded video.
        rotation: degrees clockwise that a player must turn the stored picture.
        pixel_aspect: width of a stored pixel by its height.
        start_time: seconds that all time stamps are moved by.
        sound: add a tone that begins at 0.
        sound_seconds: how long that lasts, if not as long as the pictures.
        options: of the encoder.
        container_options: of the muxer.
    """
    stamps = [frame / fps for frame in range(max(1, round(seconds * fps)))] if times is None else list(times)
    length = stamps[-1] + 1 / fps
    defaults = {"preset": "ultrafast", "bf": "2", "sc_threshold": "0"} if codec == "libx264" else {}
    with _own_priority(), av.open(str(path), "w", options=container_options or {}) as container:
        stream = container.add_stream(codec, rate=Fraction(fps).limit_denominator(1001))
        stream.width, stream.height = size
        stream.pix_fmt = pixel_format
        stream.codec_context.gop_size = gop
        stream.codec_context.options = {**defaults, **(options or {})}
        if pixel_aspect is not None:
            stream.codec_context.sample_aspect_ratio = pixel_aspect
        if codec.startswith("lib"):  # the older codecs tick once per frame
            stream.codec_context.time_base = _TIME_BASE
        if rotation:
            stream.set_display_rotation(-rotation)
        tone = container.add_stream("aac", rate=16_000) if sound else None
        for stamp in stamps:
            colour = scenes[min(int(stamp / length * len(scenes)), len(scenes) - 1)]
            frame = av.VideoFrame.from_ndarray(draw(size, colour), format="rgb24")
            frame.time_base = stream.codec_context.time_base or Fraction(1, round(fps))
            frame.pts = round((stamp + start_time) / frame.time_base)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
        if tone is not None:
            _add_tone(container, tone, length + start_time if sound_seconds is None else sound_seconds)
    return path


def join_recordings(path: Path, *, scenes: Sequence[tuple[Colour, float]], seconds: float = 2.0) -> Path:
    """Write recordings behind each other byte by byte, each of one colour with a clock that begins at its time.

    Args:
        path: where to; its suffix is one of formats that allow this: .ts, .vob, .mpg.
        scenes: colour and start time, seconds, of each recording.
        seconds: of each recording.
    """
    codec = "libx264" if path.suffix == ".ts" else "mpeg2video"
    parts = [
        make_video(
            path.with_name(f"{number}{path.suffix}"),
            seconds=seconds,
            scenes=[scene],
            start_time=start,
            codec=codec,
        )
        for number, (scene, start) in enumerate(scenes)
    ]
    path.write_bytes(b"".join(part.read_bytes() for part in parts))
    for part in parts:
        part.unlink()
    return path


def draw(size: tuple[int, int], colour: Colour) -> np.ndarray:
    """A picture in one colour with a white square in the top left corner, uint8 [H, W, 3]."""
    width, height = size
    picture = np.empty((height, width, 3), np.uint8)
    picture[:] = colour
    picture[: height // 3, : width // 3] = 250
    return picture


def make_audio(path: Path, *, seconds: float = 1.0, cover: bool = False) -> Path:
    """Write a tone; with `cover` (.mp3), the way music files carry a picture."""
    with av.open(str(path), "w") as container:
        tone = container.add_stream("libmp3lame" if path.suffix == ".mp3" else "aac", rate=16_000)
        if cover:
            picture = container.add_stream("mjpeg", rate=1)
            picture.width, picture.height, picture.pix_fmt = 64, 64, "yuvj420p"
            picture.disposition = av.stream.Disposition.attached_pic
            frame = av.VideoFrame.from_ndarray(draw((64, 64), RED), format="rgb24").reformat(
                format="yuvj420p"
            )
            container.mux(picture.encode(frame))
            container.mux(picture.encode(None))
        _add_tone(container, tone, seconds)
    return path


def _add_tone(container: av.container.OutputContainer, stream: av.AudioStream, seconds: float) -> None:
    samples = np.sin(np.arange(int(seconds * 16_000)) * 0.1).astype(np.float32)[None]
    for first in range(0, samples.shape[1], 1024):
        frame = av.AudioFrame.from_ndarray(
            np.ascontiguousarray(samples[:, first : first + 1024]), "fltp", "mono"
        )
        frame.sample_rate = 16_000
        frame.pts = first
        container.mux(stream.encode(frame))
    container.mux(stream.encode(None))


def make_picture(
    path: Path, *, size: tuple[int, int] = (160, 96), colour: Colour = RED, orientation: int = 1
) -> Path:
    """Write a photograph of `draw`; `orientation` is the EXIF tag."""
    image = Image.fromarray(draw(size, colour))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.save(path, exif=exif)
    return path


def make_timelapse(path: Path, *, pictures: int = 8, icc: bool = False, orientation: int = 1) -> Path:
    """Write photographs as a video, two a second: JPEGs with EXIF, or PNGs with an ICC profile."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("png" if icc else "mjpeg", rate=2)
        stream.width, stream.height, stream.pix_fmt = 160, 96, "rgb24" if icc else "yuvj420p"
        stream.codec_context.time_base = Fraction(1, 2)
        exif = Image.Exif()
        exif[0x0112] = orientation
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        for number in range(pictures):
            buffer = io.BytesIO()
            image = Image.fromarray(draw((160, 96), (200, 40, 20 * number)))
            if icc:
                image.save(buffer, "PNG", icc_profile=profile)
            else:
                image.save(buffer, "JPEG", exif=exif)
            packet = av.Packet(buffer.getvalue())
            packet.stream, packet.time_base, packet.is_keyframe = stream, Fraction(1, 2), True
            packet.pts = packet.dts = number
            container.mux(packet)
    return path


def make_animation(
    path: Path, *, delays: Sequence[float], size: tuple[int, int] = (64, 48), scenes: Sequence[Colour] = ()
) -> Path:
    """Write an animated GIF, WebP or PNG; `delays` are the seconds that each frame is shown."""
    colours = scenes or [(10 + 230 * number // len(delays), 80, 160) for number in range(len(delays))]
    frames = [Image.fromarray(draw(size, colour)) for colour in colours]
    milliseconds = [round(delay * 1000) for delay in delays]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=milliseconds, loop=0)
    return path
