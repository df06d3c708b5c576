"""Drawn scenes that move, for pictures of the page in the documentation: they show nothing of anybody else's."""

from collections.abc import Callable
from fractions import Fraction
from math import pi, sin
from pathlib import Path

import av
import numpy as np
from PIL import Image, ImageDraw

SIZE = (640, 360)
FPS = 10

Drawing = Callable[[ImageDraw.ImageDraw, float], None]  # draws a scene at a time, seconds


def _sky(draw: ImageDraw.ImageDraw, top: tuple[int, int, int], bottom: tuple[int, int, int]) -> None:
    for y in range(SIZE[1]):
        share = y / SIZE[1]
        draw.line(
            [(0, y), (SIZE[0], y)],
            tuple(round(a + (b - a) * share) for a, b in zip(top, bottom, strict=True)),
        )


def sunset(draw: ImageDraw.ImageDraw, time: float) -> None:
    """The sun goes down over the sea."""
    _sky(draw, (60, 40, 110), (255, 170, 80))
    y = 130 + 12 * time
    draw.ellipse((270, y, 370, y + 100), (255, 220, 90))
    draw.rectangle((0, 240, 640, 360), (20, 60, 120))
    for row in range(8):
        x = 300 + 25 * sin(time * 2 + row)
        draw.line([(x, 250 + row * 13), (x + 60 - row * 4, 250 + row * 13)], (255, 200, 110), 3)


def house(draw: ImageDraw.ImageDraw, time: float) -> None:
    """A house and a tree on a green meadow; clouds pass."""
    _sky(draw, (110, 180, 255), (210, 235, 255))
    for cloud in (0, 260, 520):
        x = (cloud + 30 * time) % 760 - 100
        for part in (0, 30, 60):
            draw.ellipse((x + part, 50 - part % 40 / 4, x + part + 60, 90), (255, 255, 255))
    draw.rectangle((0, 250, 640, 360), (70, 160, 70))
    draw.rectangle((150, 170, 320, 290), (230, 210, 170))
    draw.polygon([(130, 170), (235, 95), (340, 170)], (170, 50, 40))
    draw.rectangle((215, 225, 255, 290), (110, 70, 40))
    for x in (170, 270):
        draw.rectangle((x, 195, x + 30, 222), (120, 190, 230))
    draw.rectangle((475, 200, 495, 290), (100, 70, 40))
    draw.ellipse((425, 110, 545, 225), (40, 120, 50))


def car(draw: ImageDraw.ImageDraw, time: float) -> None:
    """A red car drives along a road."""
    _sky(draw, (150, 190, 230), (230, 230, 220))
    draw.rectangle((0, 220, 640, 360), (90, 90, 95))
    for x in range(-80, 720, 110):
        draw.rectangle((x - 60 * time % 110, 300, x - 60 * time % 110 + 60, 308), (240, 240, 240))
    x = 120 + 45 * time
    draw.polygon([(x + 50, 205), (x + 80, 165), (x + 170, 165), (x + 205, 205)], (150, 20, 25))
    draw.polygon([(x + 65, 203), (x + 88, 172), (x + 120, 172), (x + 120, 203)], (190, 220, 240))
    draw.polygon([(x + 128, 203), (x + 128, 172), (x + 164, 172), (x + 190, 203)], (190, 220, 240))
    draw.rounded_rectangle((x, 203, x + 250, 255), 14, (205, 30, 35))
    for wheel in (45, 180):
        draw.ellipse((x + wheel - 24, 232, x + wheel + 24, 280), (25, 25, 25))
        draw.ellipse((x + wheel - 10, 246, x + wheel + 10, 266), (180, 180, 180))


def night(draw: ImageDraw.ImageDraw, time: float) -> None:
    """The moon and stars over a city."""
    _sky(draw, (5, 8, 30), (25, 30, 70))
    random = np.random.default_rng(1)
    for x, y in random.integers((0, 0), (640, 200), (70, 2)).tolist():
        draw.ellipse((x, y, x + 2, y + 2), (255, 255, 230))
    draw.ellipse((480, 40, 550, 110), (240, 240, 210))
    for number, height in enumerate(random.integers(80, 220, 9).tolist()):
        left = number * 72
        draw.rectangle((left, 360 - height, left + 62, 360), (15, 18, 40))
        for row in range(height // 26):
            for column in range(3):
                on = (number * 7 + row * 3 + column * 5 + int(time / 2)) % 3 == 0
                box = (
                    left + 8 + column * 18,
                    368 - height + row * 26,
                    left + 18 + column * 18,
                    380 - height + row * 26,
                )
                draw.rectangle(box, (250, 220, 120) if on else (30, 34, 60))


def balloons(draw: ImageDraw.ImageDraw, time: float) -> None:
    """Coloured balloons rise into a blue sky."""
    _sky(draw, (70, 140, 235), (190, 225, 255))
    colours = [(220, 50, 60), (250, 190, 40), (60, 170, 90), (150, 80, 190), (245, 130, 40)]
    for number, colour in enumerate(colours):
        x = 70 + number * 115 + 12 * sin(time + number)
        y = 190 - 14 * time + 40 * sin(number * pi / 2)
        draw.line([(x + 35, y + 90), (x + 35 + 6 * sin(time), y + 190)], (90, 90, 90), 2)
        draw.ellipse((x, y, x + 70, y + 90), colour)
        draw.ellipse((x + 14, y + 14, x + 28, y + 36), (255, 255, 255))


def write_video(path: Path, scenes: list[Drawing], *, seconds: float = 6.0) -> None:
    """One scene after the other, each of so many seconds."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=FPS)
        stream.width, stream.height = SIZE
        stream.pix_fmt = "yuv420p"
        for number in range(round(len(scenes) * seconds * FPS)):
            scene, within = divmod(number / FPS, seconds)
            frame = av.VideoFrame.from_image(drawn(scenes[int(scene)], within))
            frame.pts, frame.time_base = number, Fraction(1, FPS)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def drawn(scene: Drawing, time: float) -> Image.Image:
    """A scene at a time, seconds."""
    image = Image.new("RGB", SIZE)
    scene(ImageDraw.Draw(image), time)
    return image


def write_library(folder: Path) -> None:
    """Three videos and two pictures."""
    write_video(folder / "a day by the sea.mp4", [house, balloons, sunset])
    write_video(folder / "on the road.mp4", [car, balloons, night])
    write_video(folder / "evening.mp4", [sunset, night])
    drawn(balloons, 3.0).save(folder / "balloons.png")
    drawn(house, 1.0).save(folder / "our house.jpg", quality=90)
