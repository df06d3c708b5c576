"""Photographs in PQ and HLG look as the scene does on a standard display."""

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
