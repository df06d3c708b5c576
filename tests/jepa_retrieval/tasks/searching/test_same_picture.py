"""One picture in other forms, and pictures that only look alike from afar."""

import io
import random
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from jepa_retrieval.tasks.searching.same_picture import Picture, same_picture


def scene(seed: int, size: tuple[int, int] = (320, 240)) -> Image.Image:
    """A picture with structure of every size, as photographs have."""
    random = np.random.default_rng(seed)
    layers = [
        Image.fromarray(random.integers(0, 255, (size[1] // step, size[0] // step, 3), np.uint8)).resize(
            size, Image.Resampling.BICUBIC
        )
        for step in (60, 24, 10, 5)
    ]
    picture = layers[0]
    for share, layer in zip((0.5, 0.4, 0.3), layers[1:], strict=True):
        picture = Image.blend(picture, layer, share)
    return picture


def picture(image: Image.Image, quality: int = 80) -> Picture:
    """As a thumbnail has it."""
    image = image.convert("RGB")
    image.thumbnail((256, 256))
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return Picture(buffer.getvalue())


def watermarked(image: Image.Image) -> Image.Image:
    image = image.copy()
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=18)
    draw.text((20, 215), "© sample", font=font, fill=(255, 255, 255))
    return image


@pytest.mark.parametrize(
    "change",
    [
        lambda image: image,
        lambda image: image.resize((160, 120)),
        lambda image: image.resize((640, 480)),
        lambda image: image.crop((10, 8, 300, 226)),
        lambda image: image.crop((40, 10, 300, 205)),
        ImageOps.grayscale,
        lambda image: ImageEnhance.Brightness(image).enhance(1.2),
        lambda image: ImageEnhance.Color(image).enhance(0.3),
        watermarked,
    ],
)
def test_one_picture_in_another_form_is_one_picture(change: Callable[[Image.Image], Image.Image]) -> None:
    for seed in range(5):
        original, other = picture(scene(seed)), picture(change(scene(seed)), quality=40)
        assert same_picture(original, other), seed
        assert same_picture(other, original), seed


@settings(max_examples=30)
@given(st.integers(0, 10**6), st.integers(0, 10**6))
def test_different_pictures_are_different(one: int, other: int) -> None:
    assert same_picture(picture(scene(one)), picture(scene(other))) == (one == other)


def moved(image: Image.Image, seed: int) -> Image.Image:
    """The same place with something in it that stands elsewhere in every picture."""
    image, chance = image.copy(), random.Random(seed)
    for number in range(3):
        left, top = chance.randint(0, 220), chance.randint(0, 140)
        image.paste(scene(100 + number, (96, 96)), (left, top))
    return image


def test_frames_of_one_scene_are_different_pictures() -> None:
    frames = [picture(moved(scene(1), seed)) for seed in range(4)]
    assert not any(same_picture(a, b) for a in frames for b in frames if a is not b)


def page(seed: int) -> Image.Image:
    chance = random.Random(seed)
    image = Image.new("L", (850, 1100), 255)
    draw, font = ImageDraw.Draw(image), ImageFont.load_default(size=17)
    for line in range(30):
        words = [
            "".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randint(2, 9))) for _ in range(11)
        ]
        draw.text((80, 80 + 30 * line), " ".join(words), font=font, fill=0)
    return image


def test_pages_of_text_are_different_pictures() -> None:
    pages = [picture(page(seed)) for seed in range(6)]
    assert not any(same_picture(a, b) for a in pages for b in pages if a is not b)
    assert all(same_picture(picture(page(seed)), picture(page(seed), quality=30)) for seed in range(6))


def test_flat_pictures_and_odd_shapes_are_compared_too() -> None:
    white, black = (picture(Image.new("RGB", (200, 100), colour)) for colour in ("white", "black"))
    strip = picture(scene(3).resize((256, 16)))
    for one in (white, black, strip):
        for other in (white, black, strip):
            assert isinstance(same_picture(one, other), bool)
    assert same_picture(strip, strip)


@pytest.mark.parametrize("data", [b"", b"no picture", b"\xff\xd8\xff" + b"\0" * 50])
def test_a_thumbnail_that_cannot_be_read_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match="JPEG"):
        Picture(data)


def test_blur_alone_does_not_hide_a_copy() -> None:
    soft = scene(4).filter(ImageFilter.GaussianBlur(1))
    assert same_picture(picture(scene(4)), picture(soft))
