"""Photographs."""

import io
import os
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile, ImageOps

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodePool, DecodeRequest, Failed, ReadReport, probe, read_windows
from jepa_retrieval.media.limits import size_problem
from tests.jepa_retrieval.media.conftest import SIZE, Read
from tests.media_factory import RED, draw, make_picture, make_video

EDGE = SIZE // 5


@pytest.mark.parametrize(
    "suffix", [".jpg", ".png", ".webp", ".bmp", ".tif", ".gif", ".heic", ".avif", ".jp2"]
)
def test_a_picture_is_one_window_without_times(tmp_path: Path, read: Read, suffix: str) -> None:
    picture = make_picture(tmp_path / f"a{suffix}")
    (window,) = read(picture)
    assert (window.start, window.end, window.times.tolist()) == (None, None, [0.0])
    assert window.frames.shape == (1, SIZE, SIZE, 3) and window.frames.dtype == np.uint8
    assert np.abs(window.frames[0, -EDGE:, -EDGE:].reshape(-1, 3).mean(0) - RED).max() < 8
    assert window.thumbnail is not None
    with Image.open(io.BytesIO(window.thumbnail)) as thumbnail:
        assert (thumbnail.format, thumbnail.size) == ("JPEG", (256, 154))
    info = probe(picture)
    assert (info.kind, info.duration, info.width, info.height) == ("image", None, 160, 96)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".webp", ".tif", ".avif"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_is_applied_once(tmp_path: Path, read: Read, suffix: str, orientation: int) -> None:
    upright = Image.fromarray(draw((160, 96), RED))
    upright.putpixel((0, 95), (0, 0, 0))
    turned = ImageOps.exif_transpose(_marked(upright, _INVERSE[orientation]))
    picture = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x0112] = orientation
    turned.save(picture, exif=exif)
    (window,) = read(picture)
    reference = np.asarray(upright.resize((SIZE, SIZE), Image.Resampling.BOX)).astype(int)
    assert np.abs(window.frames[0] - reference).mean() < 6
    info = probe(picture)
    assert (info.width, info.height) == (160, 96)


_INVERSE = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 8, 7: 7, 8: 6}  # the orientation that undoes each


def _marked(image: Image.Image, orientation: int) -> Image.Image:
    """The picture with an EXIF orientation that `exif_transpose` applies."""
    image = image.copy()
    image.getexif()[0x0112] = orientation
    return image


@pytest.mark.parametrize("mode", ["L", "LA", "P", "RGBA", "CMYK", "I;16", "I", "F", "1", "YCbCr", "LAB"])
def test_pixel_modes(tmp_path: Path, read: Read, mode: str) -> None:
    drawing = Image.fromarray(draw((64, 48), (30, 30, 30)))
    path = tmp_path / "a.tif"
    if mode in ("I;16", "I"):
        deep = np.asarray(drawing.convert("L")).astype(np.uint16) * 257
        image = Image.fromarray(deep) if mode == "I;16" else Image.fromarray(deep.astype(np.int32))
    else:
        image = drawing.convert(mode)
    if mode == "P":
        path = tmp_path / "a.png"
    image.save(path)
    frame = read(path)[0].frames[0]
    assert frame[:EDGE, :EDGE].mean() > 235
    assert frame[-EDGE:, -EDGE:].mean() < 60


def test_transparency_is_shown_over_white(tmp_path: Path, read: Read) -> None:
    Image.new("RGBA", (50, 40), (0, 0, 0, 0)).save(tmp_path / "a.png")
    assert read(tmp_path / "a.png")[0].frames.min() == 255


def test_the_first_bytes_decide_not_the_name(tmp_path: Path, read: Read) -> None:
    picture = make_picture(tmp_path / "a.png").rename(tmp_path / "a.mp4")
    assert (probe(picture).kind, len(read(picture))) == ("image", 1)
    video = make_video(tmp_path / "b.mp4", seconds=1).rename(tmp_path / "b.jpg")
    assert (probe(video).kind, read(video)[0].start) == ("video", 0)


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".bmp"])
def test_a_picture_that_is_cut_off(tmp_path: Path, suffix: str) -> None:
    data = make_noise(tmp_path / f"a{suffix}").read_bytes()
    cut = tmp_path / f"cut{suffix}"
    cut.write_bytes(data[: len(data) * 8 // 10])
    report = ReadReport()
    (window,) = read_windows(DecodeRequest(cut, image_size=SIZE), report=report)
    share = int(report.partial[0].removeprefix("is cut off: ").partition("%")[0])
    assert 70 <= share <= 82 and report.partial[0].endswith("of the picture is there")
    assert window.frames[0, SIZE // 4 : SIZE // 2].std() > 20
    cut.write_bytes(data[: len(data) // 3])
    with pytest.raises(UnreadableMediaError, match="cut off"):
        list(read_windows(DecodeRequest(cut, image_size=SIZE)))


def test_a_picture_that_lacks_its_last_two_bytes_lacks_nothing(tmp_path: Path) -> None:
    path = make_noise(tmp_path / "a.jpg")
    (whole,) = read_windows(DecodeRequest(path, image_size=SIZE))
    path.write_bytes(path.read_bytes()[:-2])
    report = ReadReport()
    (window,) = read_windows(DecodeRequest(path, image_size=SIZE), report=report)
    assert np.array_equal(window.frames, whole.frames) and report.partial == []


@pytest.mark.parametrize(("name", "options"), [("a.jpg", {"progressive": True}), ("a.gif", {})])
def test_a_picture_stored_in_passes_that_is_cut_off(
    tmp_path: Path, name: str, options: dict[str, bool]
) -> None:
    path = make_noise(tmp_path / name, **options)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    report = ReadReport()
    (window,) = read_windows(DecodeRequest(path, image_size=SIZE), report=report)
    assert report.partial == ["is cut off: some of its detail is missing"]
    assert window.frames[0, -SIZE // 4 :].std() > 5
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(UnreadableMediaError):
        list(read_windows(DecodeRequest(path, image_size=SIZE)))


def make_noise(path: Path, **options: bool) -> Path:
    """A picture that differs everywhere."""
    noise = np.random.default_rng(0).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    Image.fromarray(noise).resize((640, 480)).save(path, **options)
    return path


def test_a_jpeg_counts_as_large_as_it_is_decoded(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JEPA_MAX_PIXELS", "10000")
    size = (640, 480)
    assert len(read(make_picture(tmp_path / "a.jpg", size=size))) == 1
    reason = r"640 x 480 pixels is larger than the limit of 10,000 pixels \(\$JEPA_MAX_PIXELS raises it\)"
    with pytest.raises(UnreadableMediaError, match=reason):
        read(make_picture(tmp_path / "a.png", size=size))
    monkeypatch.setenv("JEPA_MAX_PIXELS", "400000")
    assert len(read(tmp_path / "a.png")) == 1


def test_photographs_of_200_megapixels_are_within_the_limits() -> None:
    for width, height in ((16_384, 12_288), (20_000, 10_000), (12_288, 16_384)):
        assert size_problem(width, height) is None
    assert size_problem(40_000, 25_000, scale=8) is None


@pytest.mark.parametrize(
    "suffix", [".png", ".tif", ".gif", ".webp", ".jpg", ".bmp", ".avif", ".heic", ".jp2"]
)
def test_our_limit_holds_instead_of_pillows(
    tmp_path: Path, read: Read, monkeypatch: pytest.MonkeyPatch, suffix: str
) -> None:
    path = make_picture(tmp_path / f"a{suffix}")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1000)  # the picture has more than twice as many
    before = Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES
    assert len(read(path)) == 1
    assert before == (Image.MAX_IMAGE_PIXELS, ImageFile.LOAD_TRUNCATED_IMAGES)


def test_half_transparent_colours_are_mixed_with_white(tmp_path: Path, read: Read) -> None:
    pixels = np.zeros((40, 40, 4), np.uint8)
    pixels[:] = (200, 40, 40, 128)
    pixels[:, 20:] = (0, 255, 0, 0)  # what is invisible must not bleed
    Image.fromarray(pixels).save(tmp_path / "a.png")
    frame = read(tmp_path / "a.png")[0].frames[0]
    assert np.abs(frame[:, :EDGE].reshape(-1, 3).mean(0) - (227, 147, 147)).max() < 3
    assert frame[:, -EDGE:].min() > 250
    assert (frame[..., 1].astype(int) <= frame[..., 0].astype(int) + 3).all()


POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n%%EndComments\nshowpage\n"


@pytest.mark.parametrize("name", ["a.jpg", "a.eps", "a.psd", "a.tga", "a.tif"])
@pytest.mark.parametrize(
    "content",
    [POSTSCRIPT, b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 32, len(POSTSCRIPT)) + bytes(20) + POSTSCRIPT],
    ids=["plain", "with a preview"],
)
def test_postscript_starts_no_program(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, content: bytes
) -> None:
    started = tmp_path / "started"
    for program in ("gs", "gswin32c", "gswin64c"):
        script = tmp_path / program
        script.write_text(f"#!/bin/sh\ntouch {started}\n")
        script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnreadableMediaError):
        list(read_windows(DecodeRequest(tmp_path / name, image_size=SIZE)))
    with DecodePool(workers=1) as pool:
        events = list(pool.run([DecodeRequest(tmp_path / name, image_size=SIZE)]))
    assert [type(event) for event in events] == [Failed]
    assert not started.exists()


@pytest.mark.parametrize("form", sorted({"DDS", "FLI", "FITS", "ICNS", "MSP", "SGI", "XBM", "IM"}))
def test_formats_beyond_the_list_are_refused(tmp_path: Path, read: Read, form: str) -> None:
    path = tmp_path / "a.png"
    try:
        Image.new({"MSP": "1", "XBM": "1"}.get(form, "RGB"), (128, 128)).save(path, form)
    except (KeyError, OSError):
        pytest.skip(f"Pillow does not write {form}")
    with pytest.raises(UnreadableMediaError, match="is not a picture"):
        read(path)


def test_damaged_exif_does_not_matter(tmp_path: Path, read: Read) -> None:
    image = Image.fromarray(draw((64, 48), RED))
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)
    assert len(read(tmp_path / "a.jpg")) == 1
