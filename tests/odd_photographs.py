"""Photographs of odd formats: modes, compressions and containers that cameras, scanners and old programs write."""

import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pillow_heif
import tifffile
from PIL import Image

from tests.media_factory import RED, draw

SIZE = (160, 96)

# Name: mode, and how Pillow saves it.
_BY_PILLOW: dict[str, tuple[str, dict[str, Any]]] = {
    "bits.bmp": ("1", {}),
    "colours.bmp": ("P", {}),
    "plain.bmp": ("RGB", {}),
    "headless.dib": ("RGB", {}),
    "one frame.gif": ("P", {}),
    "alpha.webp": ("RGBA", {}),
    "lossless.webp": ("RGB", {"lossless": True}),
    "bits.png": ("1", {}),
    "deep.png": ("I;16", {}),
    "grey and alpha.png": ("LA", {}),
    "transparent colour.png": ("P", {"transparency": 0}),
    "alpha.png": ("RGBA", {}),
    "one frame.apng": ("RGB", {"format": "PNG"}),
    "print.jpg": ("CMYK", {}),
    "grey.jpg": ("L", {}),
    "progressive.jpg": ("RGB", {"progressive": True}),
    "full colour.jpg": ("RGB", {"subsampling": 0}),
    "old name.jfif": ("RGB", {"format": "JPEG"}),
    "sideways.jpg": ("RGB", {"exif": {0x0112: 6}}),
    "stereo.mpo": ("RGB", {}),
    "plain.avif": ("RGB", {}),
    "alpha.avif": ("RGBA", {}),
    "plain.heic": ("RGB", {}),
    "alpha.heif": ("RGBA", {}),
    "plain.tif": ("RGB", {}),
    "lzw.tif": ("RGB", {"compression": "tiff_lzw"}),
    "deflate.tif": ("RGB", {"compression": "tiff_adobe_deflate"}),
    "jpeg inside.tif": ("RGB", {"compression": "jpeg"}),
    "fax.tif": ("1", {"compression": "group4"}),
    "print.tiff": ("CMYK", {}),
    "lab.tif": ("LAB", {}),
    "deep.tif": ("I;16", {}),
    "alpha.tif": ("RGBA", {}),
    "two pages.tif": ("RGB", {"save_all": True, "append_images": [Image.new("RGB", SIZE)]}),
    "plain.jp2": ("RGB", {}),
    "bare.j2k": ("L", {}),
    "plain.tga": ("RGB", {}),
    "run lengths.tga": ("RGBA", {"compression": "tga_rle"}),
    "plain.ppm": ("RGB", {}),
    "deep.pgm": ("I;16", {}),
    "plain.pcx": ("RGB", {}),
    "plain.qoi": ("RGB", {}),
    "icon.ico": ("RGBA", {"sizes": [(64, 64)]}),
}


def make_odd_photographs(folder: Path) -> list[str]:
    """Write them into an existing folder; returns their names."""
    pillow_heif.register_heif_opener()
    picture = Image.fromarray(draw(SIZE, RED))
    for name, (mode, options) in _BY_PILLOW.items():
        _converted(picture, mode).save(folder / name, **_with_exif(options))
    for name, write in _BY_HAND.items():
        write(folder / name, np.asarray(picture))
    return [*_BY_PILLOW, *_BY_HAND]


def _converted(picture: Image.Image, mode: str) -> Image.Image:
    if mode == "I;16":
        return Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257)
    if mode == "LAB":
        from PIL import ImageCms

        profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
        converted = ImageCms.profileToProfile(picture, *profiles, outputMode="LAB")
        assert converted is not None
        return converted
    return picture.convert(mode)


def _with_exif(options: dict[str, Any]) -> dict[str, Any]:
    if "exif" not in options:
        return options
    exif = Image.Exif()
    exif.update(options["exif"])
    return {**options, "exif": exif}


def _text_pixels(path: Path, pixels: np.ndarray) -> None:
    """A PPM whose numbers are written out."""
    height, width, _ = pixels.shape
    path.write_text(f"P3\n{width} {height}\n255\n" + "\n".join(map(str, pixels.reshape(-1).tolist())))


def _psd(path: Path, pixels: np.ndarray) -> None:
    """A Photoshop document without layers, its channels one after the other, not compressed."""
    height, width, _ = pixels.shape
    header = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3)
    path.write_bytes(header + struct.pack(">IIIH", 0, 0, 0, 0) + pixels.transpose(2, 0, 1).tobytes())


_BY_HAND: dict[str, Callable[[Path, np.ndarray], None]] = {
    "numbers.ppm": _text_pixels,
    "document.psd": _psd,
    "large offsets.tif": lambda path, pixels: tifffile.imwrite(path, pixels, bigtiff=True, photometric="rgb"),
    "planes.tif": lambda path, pixels: tifffile.imwrite(
        path, pixels.transpose(2, 0, 1), planarconfig="separate", photometric="rgb"
    ),
    "other end first.tif": lambda path, pixels: tifffile.imwrite(
        path, pixels.astype(np.uint16) * 257, byteorder=">", photometric="rgb"
    ),
}
