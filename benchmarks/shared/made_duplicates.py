"""Pairs of files that are the same picture or video in another form, and pairs that only mean the same."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av
import numpy as np
from PIL import Image, ImageDraw, ImageEnhance, ImageFont, ImageOps

_TIME_BASE = Fraction(1, 90_000)
_LETTERS = "abcdefghijklmnopqrstuvwxyz"


class MadePair(NamedTuple):
    """Two files, and whether they are the same."""

    first: Path
    second: Path
    kind: str
    same: bool


def changed_pictures(
    pictures: Iterable[tuple[str, Image.Image]], folder: Path, seed: int
) -> Iterator[MadePair]:
    """Each picture beside its re-encoded, resized, cropped, marked and recoloured forms."""
    chance = random.Random(seed)
    for name, picture in pictures:
        original = folder / f"{name}.png"
        picture.save(original)
        for number, (kind, change, suffix, quality) in enumerate(_CHANGES):
            other = folder / f"{name}-{number}{suffix}"
            change(picture, chance).convert("RGB").save(other, quality=quality)
            yield MadePair(original, other, kind, True)


def pages(folder: Path, count: int, seed: int) -> Iterator[MadePair]:
    """Letters and invoices of one layout: each beside a scan of itself, and beside every other."""
    for layout in (_letter, _invoice):
        made: list[Path] = []
        for number in range(count):
            page = layout(random.Random(f"{seed} {layout.__name__} {number}"))
            original = folder / f"page{layout.__name__}{number}.png"
            page.save(original)
            for suffix, form in (("-scan.jpg", page), ("-half.jpg", page.resize((425, 550)))):
                other = original.with_name(original.stem + suffix)
                form.save(other, quality=60)
                yield MadePair(original, other, "page re-encoded or resized", True)
            for earlier in made:
                yield MadePair(earlier, original, "different pages", False)
            made.append(original)


def frames(videos: Sequence[Path], folder: Path, *, distance: float, kind: str) -> Iterator[MadePair]:
    """Two frames of each video, `distance` seconds apart, if anything moves between them."""
    for video in videos:
        found = [image for _, image in _read(video, (0.4, 0.4 + distance))]
        if len(found) < 2 or _mean_difference(*found) < 2:
            continue
        paths = [folder / f"{kind}-{video.parent.name}-{video.stem}-{number}.jpg" for number in (1, 2)]
        for image, path in zip(found, paths, strict=True):
            image.save(path, quality=92)
        yield MadePair(paths[0], paths[1], kind, False)


def changed_videos(videos: Sequence[Path], folder: Path) -> Iterator[MadePair]:
    """Each video beside its re-encoded forms, and its first half beside its second."""
    for video in videos:
        original = folder / f"{video.stem}.mp4"
        _encode(video, original, gop=50)
        for kind, options in _VIDEO_CHANGES.items():
            other = folder / f"{video.stem}-{kind.replace(' ', '-')}.mp4"
            if _encode(video, other, **options):
                yield MadePair(original, other, kind, True)
        halves = [folder / f"{video.stem}-half{number}.mp4" for number in (1, 2)]
        middle = _length(video) / 2
        if _encode(video, halves[0], end=middle) and _encode(video, halves[1], start=middle):
            yield MadePair(halves[0], halves[1], "two halves of one video", False)


def first_frames(videos: Sequence[Path]) -> Iterator[tuple[str, Image.Image]]:
    """A frame of each video, with a name."""
    for video in videos:
        for _, image in _read(video, (1.0,)):
            yield video.stem, image


def _crop(share: float) -> Callable[[Image.Image, random.Random], Image.Image]:
    def crop(picture: Image.Image, chance: random.Random) -> Image.Image:
        width, height = int(picture.width * share), int(picture.height * share)
        left, top = chance.randint(0, picture.width - width), chance.randint(0, picture.height - height)
        return picture.crop((left, top, left + width, top + height))

    return crop


def _mark(picture: Image.Image, chance: random.Random) -> Image.Image:
    layer = Image.new("RGBA", picture.size)
    draw, (width, height) = ImageDraw.Draw(layer), picture.size
    font = ImageFont.load_default(size=max(10, height // 8))
    draw.text((width * 0.05, height * 0.8), "© sample.example", font=font, fill=(255, 255, 255, 150))
    draw.rectangle((width * 0.75, height * 0.05, width * 0.95, height * 0.2), fill=(200, 30, 30, 120))
    return Image.alpha_composite(picture.convert("RGBA"), layer)


def _tone(picture: Image.Image, chance: random.Random) -> Image.Image:
    brighter = ImageEnhance.Brightness(picture).enhance(1.25)
    return ImageEnhance.Color(ImageEnhance.Contrast(brighter).enhance(1.2)).enhance(0.6)


def _warm(picture: Image.Image, chance: random.Random) -> Image.Image:
    pixels = np.asarray(picture.convert("RGB"), np.float32) * np.array([1.15, 1.0, 0.8], np.float32)
    return Image.fromarray(pixels.clip(0, 255).astype(np.uint8))


_CHANGES: tuple[tuple[str, Callable[[Image.Image, random.Random], Image.Image], str, int], ...] = (
    ("re-encoded", lambda picture, _: picture, ".jpg", 35),
    ("re-encoded", lambda picture, _: picture, ".webp", 40),
    (
        "half the size",
        lambda picture, _: picture.resize((picture.width // 2, picture.height // 2)),
        ".jpg",
        90,
    ),
    ("cropped, 10% a side", _crop(0.9), ".jpg", 90),
    ("cropped, 20% a side", _crop(0.8), ".jpg", 90),
    ("watermarked", _mark, ".jpg", 90),
    ("recoloured", _tone, ".jpg", 90),
    ("recoloured", _warm, ".jpg", 90),
    ("grey", lambda picture, _: ImageOps.grayscale(picture), ".jpg", 90),
)
_VIDEO_CHANGES: dict[str, dict[str, float]] = {
    "re-encoded": {"crf": 32, "gop": 60},
    "other key frames": {"crf": 28, "gop": 12},
    "half the size": {"scale": 0.5},
    "cropped": {"crop": 0.9},
    "first seconds lost": {"start": 4.0},
}


def _words(chance: random.Random, count: int) -> str:
    words = ("".join(chance.choices(_LETTERS, k=chance.randint(2, 8))) for _ in range(count))
    return " ".join(words).capitalize()


def _letter(chance: random.Random) -> Image.Image:
    page = Image.new("L", (850, 1100), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=17)
    draw.text((80, 80), f"{_words(chance, 3)}\n{_words(chance, 3)}", font=font, fill=0)
    draw.text((80, 200), "Dear Sir or Madam,", font=font, fill=0)
    top = 250
    for _ in range(4):
        for _ in range(chance.choice((5, 6, 7))):
            draw.text((80, top), _words(chance, 11), font=font, fill=0)
            top += 24
        top += 16
    draw.text((80, top + 20), "Yours sincerely,", font=font, fill=0)
    return page


def _invoice(chance: random.Random) -> Image.Image:
    page = Image.new("L", (850, 1100), 255)
    draw, font = ImageDraw.Draw(page), ImageFont.load_default(size=17)
    draw.text((80, 60), "INVOICE", font=ImageFont.load_default(size=40), fill=0)
    draw.text((560, 80), f"No. {chance.randint(1000, 9999)}", font=font, fill=0)
    draw.rectangle((80, 240, 770, 800), outline=0, width=2)
    for row in range(14):
        top = 250 + row * 38
        draw.line((80, top + 34, 770, top + 34), fill=180)
        draw.text((90, top), _words(chance, 4), font=font, fill=0)
        draw.text((640, top), f"{chance.randint(1, 999)}.{chance.randint(10, 99)}", font=font, fill=0)
    draw.text((560, 830), f"Total {chance.randint(1000, 9999)}.00", font=font, fill=0)
    return page


def _mean_difference(first: Image.Image, second: Image.Image) -> float:
    """In grey levels, of pictures of 128 x 96 pixels."""
    one, other = (np.asarray(image.convert("L").resize((128, 96)), np.float32) for image in (first, second))
    return float(np.abs(one - other).mean())


def _read(video: Path, times: Sequence[float]) -> Iterator[tuple[float, Image.Image]]:
    wanted = list(times)
    with av.open(str(video)) as container:
        for frame in container.decode(container.streams.video[0]):
            while wanted and (frame.time or 0.0) >= wanted[0] - 1e-3:
                yield wanted.pop(0), frame.to_image()
            if not wanted:
                return


def _length(video: Path) -> float:
    with av.open(str(video)) as container:
        return (container.duration or 0) / 1e6


def _encode(
    video: Path,
    target: Path,
    *,
    scale: float = 1.0,
    crop: float = 1.0,
    crf: float = 28,
    gop: float = 60,
    start: float = 0.0,
    end: float = float("inf"),
) -> bool:
    """Write a video again; False if fewer than two seconds are left of it."""
    if min(end, _length(video)) - start < 2:
        return False
    with av.open(str(video)) as source, av.open(str(target), "w") as container:
        stream = source.streams.video[0]
        cut = [int(side * crop) // 2 * 2 for side in (stream.width, stream.height)]
        written = container.add_stream("libx264", rate=stream.average_rate or 25)
        written.width, written.height = (int(side * scale) // 2 * 2 for side in cut)
        written.pix_fmt = "yuv420p"
        written.codec_context.gop_size = int(gop)
        written.codec_context.options = {"crf": str(crf), "preset": "veryfast"}
        written.codec_context.time_base = _TIME_BASE
        left, top = (stream.width - cut[0]) // 2, (stream.height - cut[1]) // 2
        for frame in source.decode(stream):
            if not start <= (frame.time or 0.0) < end:
                continue
            image = frame.to_image().crop((left, top, left + cut[0], top + cut[1]))
            again = av.VideoFrame.from_image(image.resize((written.width, written.height)))
            again.time_base, again.pts = _TIME_BASE, round(((frame.time or 0.0) - start) / _TIME_BASE)
            container.mux(written.encode(again))
        container.mux(written.encode(None))
    return True
