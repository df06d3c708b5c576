"""Photographs and animated pictures."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import probe
from tests.jepa_retrieval.media.conftest import SIZE, Read
from tests.media_factory import BLUE, GREEN, RED, draw, make_animation, make_picture, make_video

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


@pytest.mark.parametrize(
    ("orientation", "rows", "columns", "size"),
    [
        (1, slice(None, EDGE), slice(None, EDGE), (160, 96)),
        (2, slice(None, EDGE), slice(-EDGE, None), (160, 96)),
        (3, slice(-EDGE, None), slice(-EDGE, None), (160, 96)),
        (4, slice(-EDGE, None), slice(None, EDGE), (160, 96)),
        (6, slice(None, EDGE), slice(-EDGE, None), (96, 160)),
        (8, slice(-EDGE, None), slice(None, EDGE), (96, 160)),
    ],
)
def test_orientation_is_applied(
    tmp_path: Path, read: Read, orientation: int, rows: slice, columns: slice, size: tuple[int, int]
) -> None:
    picture = make_picture(tmp_path / "a.jpg", orientation=orientation)
    (window,) = read(picture)
    assert window.frames[0, rows, columns].mean() > 230
    assert (probe(picture).width, probe(picture).height) == size


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


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png", ".avif"])
def test_an_animation_is_a_video(tmp_path: Path, read: Read, suffix: str) -> None:
    path = make_animation(tmp_path / f"a{suffix}", delays=[1.0, 2.0, 1.5], scenes=[RED, GREEN, BLUE])
    info = probe(path)
    assert (info.kind, info.duration) == ("video", pytest.approx(4.5))
    first, second = read(path)
    assert (first.start, first.end, first.times.tolist()) == (0, 2, pytest.approx([0, 1]))
    assert (second.start, second.end, second.times.tolist()) == (2, pytest.approx(4.5), pytest.approx([3]))
    for frame, colour in ((first.frames[0], RED), (first.frames[1], GREEN), (second.frames[0], BLUE)):
        assert np.abs(frame[-EDGE:, -EDGE:].reshape(-1, 3).mean(0) - colour).max() < 12


def test_a_part_of_an_animation(tmp_path: Path, read: Read) -> None:
    path = make_animation(tmp_path / "a.gif", delays=[1.0, 4.0, 1.0], scenes=[RED, GREEN, BLUE])
    (window,) = read(path, start=2.0, end=3.0)
    assert (window.start, window.end, window.times.tolist()) == (2, 3, [1])


def test_the_first_bytes_decide_not_the_name(tmp_path: Path, read: Read) -> None:
    picture = make_picture(tmp_path / "a.png").rename(tmp_path / "a.mp4")
    assert (probe(picture).kind, len(read(picture))) == ("image", 1)
    video = make_video(tmp_path / "b.mp4", seconds=1).rename(tmp_path / "b.jpg")
    assert (probe(video).kind, read(video)[0].start) == ("video", 0)


def test_a_damaged_picture(tmp_path: Path, read: Read) -> None:
    data = make_picture(tmp_path / "a.jpg", size=(640, 480)).read_bytes()
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    with pytest.raises(UnreadableMediaError, match="cut off"):
        read(tmp_path / "cut.jpg")


def test_damaged_exif_does_not_matter(tmp_path: Path, read: Read) -> None:
    image = Image.fromarray(draw((64, 48), RED))
    image.save(tmp_path / "a.jpg", exif=b"Exif\0\0II*\0\xff\xff\xff\xff" + b"\xff" * 40)
    assert len(read(tmp_path / "a.jpg")) == 1
