"""RAW photographs, made as cameras make them: a TIFF or another container with previews inside."""

import io
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import FoundFile, probe, scan
from tests.jepa_retrieval.media.conftest import SIZE, Read
from tests.media_factory import GREEN, RED, Colour, draw

LOSSLESS = b"\xff\xd8\xff\xc3\x00\x0e\x0e" + struct.pack(">HH", 4000, 6000) + b"\x02\x00\x11\x00\x01\x11\x00"


def jpeg(size: tuple[int, int], colour: Colour, orientation: int | None = None) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    buffer = io.BytesIO()
    Image.fromarray(draw(size, colour)).save(buffer, "JPEG", exif=exif)
    return buffer.getvalue()


def make_raw(
    path: Path, *, head: bytes | None = None, orientation: int = 1, own_orientation: int | None = None
) -> Path:
    """A thumbnail, the sensor's data without loss, the preview, and data behind it."""
    if head is None:
        exif = Image.Exif()
        exif[0x0112] = orientation
        buffer = io.BytesIO()
        Image.new("RGB", (32, 24), RED).save(buffer, "TIFF", exif=exif)
        head = buffer.getvalue()
    preview = jpeg((640, 400), GREEN, own_orientation)
    path.write_bytes(head + jpeg((160, 120), RED) + LOSSLESS + bytes(500) + preview + bytes(1000))
    return path


def colours(read: Read, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """The means of the upper left and the lower right corner."""
    (window,) = read(path)
    edge = SIZE // 6
    return window.frames[0, :edge, :edge].mean((0, 1)), window.frames[0, -edge:, -edge:].mean((0, 1))


@pytest.mark.parametrize(
    ("name", "head"),
    [
        ("a.dng", None),
        ("a.nef", None),
        ("a.cr2", b"II*\x00\x10\x00\x00\x00CR\x02\x00"),
        ("a.raf", b"FUJIFILMCCD-RAW 0201"),
        ("a.orf", b"IIRO\x08\x00\x00\x00"),
        ("a.rw2", b"IIU\x00\x18\x00\x00\x00"),
        ("a.cr3", b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom"),
        ("unknown", b"FUJIFILMCCD-RAW 0201"),
    ],
)
def test_the_largest_preview_is_the_picture(
    tmp_path: Path, read: Read, name: str, head: bytes | None
) -> None:
    path = make_raw(tmp_path / name, head=head)
    white, green = colours(read, path)
    assert white.min() > 240 and np.abs(green - GREEN).max() < 8
    info = probe(path)
    assert (info.kind, info.width, info.height, info.codec) == ("image", 640, 400, "raw")
    assert [entry.path for entry in scan(tmp_path) if isinstance(entry, FoundFile)] == [path]


@pytest.mark.parametrize(
    ("outer", "own", "size"), [(6, None, (400, 640)), (1, 6, (400, 640)), (6, 1, (640, 400))]
)
def test_the_previews_own_orientation_counts_and_without_it_the_containers(
    tmp_path: Path, read: Read, outer: int, own: int | None, size: tuple[int, int]
) -> None:
    path = make_raw(tmp_path / "a.nef", orientation=outer, own_orientation=own)
    info = probe(path)
    assert (info.width, info.height) == size
    upper_left, _ = colours(read, path)
    assert (upper_left.min() > 240) == (size == (640, 400))


def test_a_raw_photograph_without_a_preview(tmp_path: Path, read: Read) -> None:
    (tmp_path / "a.raf").write_bytes(b"FUJIFILMCCD-RAW 0201" + LOSSLESS + bytes(1000))
    with pytest.raises(UnreadableMediaError, match="RAW photograph without a preview"):
        read(tmp_path / "a.raf")
