"""Photographs in PQ and HLG look as the scene does on a standard display."""

import struct
import tarfile
import zlib
from pathlib import Path

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from jepa_retrieval.media import DecodeRequest, read_windows
from jepa_retrieval.media.video.tone_mapping import to_sdr

SDR, PQ, HLG = 13, 16, 18  # transfer characteristics
GREYS = np.tile(np.linspace(0, 255, 64, dtype=np.uint8)[None, :, None], (64, 1, 3))


def picture(path: Path, transfer: int) -> Path:
    """A grey ramp whose file states BT.2020 and a transfer."""
    if path.suffix == ".heic":
        pillow_heif.from_pillow(Image.fromarray(GREYS)).save(
            path,
            quality=-1,
            chroma=444,
            color_primaries=9,
            transfer_characteristics=transfer,
            matrix_coefficients=9,
            full_range_flag=1,
        )
        return path
    Image.fromarray(GREYS).save(path, quality=100, subsampling="4:4:4")
    data = bytearray(path.read_bytes())
    at = data.find(b"colrnclx") + len(b"colrnclx")
    data[at : at + 4] = b"\0\x09\0" + bytes([transfer])
    path.write_bytes(data)
    return path


def pixels(path: Path) -> np.ndarray:
    (window,) = read_windows(DecodeRequest(path, 64))
    return window.frames[0].astype(int)


@pytest.mark.parametrize("suffix", [".heic", ".avif"])
@pytest.mark.parametrize("transfer", [PQ, HLG])
def test_a_high_dynamic_range_is_mapped(tmp_path: Path, suffix: str, transfer: int) -> None:
    plain = pixels(picture(tmp_path / f"sdr{suffix}", SDR))
    assert np.abs(plain - GREYS).max() <= 6
    mapped = pixels(picture(tmp_path / f"hdr{suffix}", transfer))
    expected = to_sdr(GREYS.astype(np.uint16) * 257, transfer).astype(int)
    assert np.abs(mapped - expected).mean() < 4
    assert np.abs(mapped - plain).mean() > 10


def png(path: Path, *chunks: tuple[bytes, bytes], before: bytes = b"IDAT") -> Path:
    """The grey ramp with further chunks."""
    Image.fromarray(GREYS).save(path)
    data = path.read_bytes()
    at = data.index(before) - 4 if before else len(data) - 12
    more = b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        for kind, content in chunks
    )
    path.write_bytes(data[:at] + more + data[at:])
    return path


def profile(*tags: tuple[bytes, bytes]) -> bytes:
    """An ICC profile of nothing but tags."""
    table, content, at = b"", b"", 128 + 4 + 12 * len(tags)
    for name, value in tags:
        table += name + struct.pack(">II", at + len(content), len(value))
        content += value
    return bytes(128) + struct.pack(">I", len(tags)) + table + content


def cicp(transfer: int) -> bytes:
    return bytes([9, transfer, 0, 1])


def iccp(name: bytes, content: bytes = b"") -> tuple[bytes, bytes]:
    return b"iCCP", name + b"\0\0" + zlib.compress(content or profile())


def expected(transfer: int | None) -> np.ndarray:
    return GREYS if transfer is None else to_sdr(GREYS.astype(np.uint16) * 257, transfer)


@pytest.mark.parametrize(
    ("chunks", "transfer"),
    [
        ([(b"cICP", cicp(PQ))], PQ),
        ([(b"cICP", cicp(HLG))], HLG),
        ([(b"cICP", cicp(SDR))], None),
        ([(b"tEXt", b"a\0b" * 1000), (b"cICP", cicp(PQ))], PQ),
        ([iccp(b"ITUR_2100_PQ_FULL")], PQ),
        ([iccp(b"ITUR_2100_PQ_FULL_OR_NOT")], None),
        ([iccp(b"any", profile((b"desc", b"x" * 20), (b"cicp", b"cicp\0\0\0\0" + cicp(HLG))))], HLG),
        ([iccp(b"ITUR_2100_PQ_FULL"), (b"cICP", cicp(SDR))], None),  # the chunk goes before the profile
        # Damaged or foreign:
        ([(b"cICP", b"\x09\x10")], None),
        ([(b"cICP", cicp(PQ) + b"more")], None),
        ([iccp(b"any", profile((b"cicp", b"cicp")))], None),
        ([iccp(b"any", profile((b"cicp", b"text\0\0\0\0" + cicp(PQ))))], None),
        ([iccp(b"any", bytes(128) + b"\xff\xff\xff\xff")], None),
    ],
)
def test_a_png_says_how_bright_it_is(
    tmp_path: Path, chunks: list[tuple[bytes, bytes]], transfer: int | None
) -> None:
    path = png(tmp_path / "a.png", *chunks)
    assert np.abs(pixels(path) - expected(transfer).astype(int)).max() <= 1


def test_what_follows_the_picture_data_does_not_count(tmp_path: Path) -> None:
    path = png(tmp_path / "a.png", (b"cICP", cicp(PQ)), before=b"")
    assert np.abs(pixels(path) - GREYS).max() <= 1


def test_an_animated_png_in_pq_is_mapped(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    frames = [Image.fromarray(GREYS), Image.fromarray(GREYS[:, ::-1])]
    frames[0].save(path, save_all=True, append_images=frames[1:], duration=1000)
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    chunk = b"cICP" + cicp(PQ)
    path.write_bytes(
        data[:at] + struct.pack(">I", 4) + chunk + struct.pack(">I", zlib.crc32(chunk)) + data[at:]
    )
    shown = [window.frames[0].astype(int) for window in read_windows(DecodeRequest(path, 64, window=1.0))]
    assert len(shown) == 2
    assert np.abs(shown[0] - expected(PQ).astype(int)).max() <= 1
    assert np.abs(shown[1] - expected(PQ)[:, ::-1].astype(int)).max() <= 1


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif"])
def test_an_icc_profile_says_how_bright_other_pictures_are(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    content = profile((b"cicp", b"cicp\0\0\0\0" + cicp(PQ)))
    Image.fromarray(GREYS).save(path, quality=100, icc_profile=content)
    assert np.abs(pixels(path) - expected(PQ).astype(int)).mean() < 4


def test_pictures_in_an_archive_are_mapped_too(tmp_path: Path) -> None:
    picture(tmp_path / "a.avif", PQ)
    with tarfile.open(tmp_path / "shard.tar", "w") as shard:
        shard.add(tmp_path / "a.avif", "a.avif")
    alone, member = pixels(tmp_path / "a.avif"), pixels(tmp_path / "shard.tar" / "a.avif")
    assert np.array_equal(alone, member)
    assert np.abs(alone - GREYS).mean() > 10
