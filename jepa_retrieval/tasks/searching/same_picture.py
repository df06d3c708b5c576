"""Whether two thumbnails show one picture: the same pixels in another encoding, size, colour or cut.

Embeddings say that two pictures mean the same, which pages of text, frames of one scene and bursts of photographs do
as well. Here the pictures themselves are compared: their fine structure (brightness less its surroundings, which no
change of colour touches), block by block, whole against whole, and each as a part cut out of the other.

The thresholds were chosen on the pairs of `python -m benchmarks.studies.duplicate_pictures --seed 0`.
"""

from __future__ import annotations

import io
import math
from functools import cached_property
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageFilter, UnidentifiedImageError

SIDE = 128  # pixels, the longer side of what is compared
COARSE_SIDE = 48  # of what a cut is looked for in
_SURROUNDINGS = 4 / 128  # radius that the mean brightness is taken over, as a share of the longer side
_BLOCK = 16  # pixels, the side of a block
_MIN_TEXTURE = 3.0  # grey levels, standard deviation: flatter blocks say nothing
_MIN_BLOCKS = 4

# Whole against whole: the correlation of all pixels, and the median over the blocks.
_WHOLE = (0.95, 0.955)
# The same with something laid over it: most blocks are equal. The median, and the lower quartile.
_OVERLAID = (0.988, 0.85)
# One cut out of the other, resampled: the correlation, the median, and the lowest tenth of the blocks.
_CUT = (0.88, 0.88, 0.72)
_MIN_CUT = 0.6  # smallest side of a cut as a share of the whole's
_MIN_AREA, _MAX_AREA = 0.35, 0.97  # of a cut; a larger one is the whole
_MAX_ASPECT_ERROR = 0.05
_SCALE_STEP = 0.04
_MIN_COARSE = 0.6  # correlation of a cut at coarse resolution that is worth a closer look


class Picture:
    """A thumbnail, prepared for comparison.

    Args:
        jpeg: the thumbnail.

    Raises:
        ValueError: it cannot be read.
    """

    def __init__(self, jpeg: bytes) -> None:
        try:
            image = Image.open(io.BytesIO(jpeg), formats=["JPEG"]).convert("L")
        except (OSError, UnidentifiedImageError, Image.DecompressionBombError) as error:
            raise ValueError("not a JPEG") from error
        self.image = _resized(image, SIDE)

    @cached_property
    def detail(self) -> np.ndarray:
        """Fine structure, float32 [H, W]."""
        return _detail(self.image)

    @cached_property
    def coarse(self) -> Image.Image:
        """The picture at the resolution in which a cut is looked for."""
        return _resized(self.image, COARSE_SIDE)

    @property
    def aspect(self) -> float:
        """Width by height."""
        return self.image.width / self.image.height


def same_picture(first: Picture, second: Picture) -> bool:
    """Whether two pictures are one: re-encoded, resized, recoloured, with a mark over it, or cut to its middle."""
    if abs(math.log(first.aspect / second.aspect)) <= _MAX_ASPECT_ERROR and _same_whole(first, second):
        return True
    return _is_cut(first, second) or _is_cut(second, first)


def _same_whole(first: Picture, second: Picture) -> bool:
    one = first.detail
    other = _detail(second.image.resize(first.image.size, Image.Resampling.BILINEAR))
    blocks = _block_correlations(one, other)
    median, quartile = np.median(blocks), np.percentile(blocks, 25)
    if median >= _OVERLAID[0] and quartile >= _OVERLAID[1]:
        return True
    return bool(median >= _WHOLE[1] and _correlation(one.ravel(), other.ravel()) >= _WHOLE[0])


class _Place(NamedTuple):
    """Where one picture lies in another, and how well it fits there."""

    correlation: float
    scale: float  # of the cut picture
    x: float  # left edge, as a share of the whole's width
    y: float


def _is_cut(whole: Picture, cut: Picture) -> bool:
    """Whether `cut` was cut out of `whole`."""
    steps = np.arange(1.0, _MIN_CUT - 1e-6, -_SCALE_STEP)
    coarse = max(
        (_place(whole.coarse, cut.coarse, scale) for scale in steps), key=lambda place: place.correlation
    )
    if coarse.correlation < _MIN_COARSE:
        return False
    near = (coarse.scale + offset * _SCALE_STEP for offset in (-0.75, -0.5, -0.25, 0.0, 0.25, 0.5, 0.75))
    place = max(
        (_place(whole.image, cut.image, scale, near=coarse) for scale in near if scale <= 1.0),
        key=lambda place: place.correlation,
        default=coarse,
    )
    if place.correlation < _CUT[0]:
        return False
    width, height = _size(whole.image, cut.image, place.scale)
    left, top = round(place.x * whole.image.width), round(place.y * whole.image.height)
    inside = whole.detail[top : top + height, left : left + width]
    other = _detail(cut.image.resize((width, height), Image.Resampling.BILINEAR))
    blocks = _block_correlations(inside, other[: inside.shape[0], : inside.shape[1]])
    return bool(np.median(blocks) >= _CUT[1] and np.percentile(blocks, 10) >= _CUT[2])


_NOWHERE = _Place(-1.0, 1.0, 0.0, 0.0)


def _size(whole: Image.Image, cut: Image.Image, scale: float) -> tuple[int, int]:
    return min(whole.width, round(cut.width * scale)), min(whole.height, round(cut.height * scale))


def _place(whole: Image.Image, cut: Image.Image, scale: float, *, near: _Place | None = None) -> _Place:
    """The best place of `cut`, scaled, inside `whole`; with `near`, only around that place."""
    width, height = _size(whole, cut, scale)
    # The cut must not be squeezed to fit.
    fits = all(
        abs(size / (scale * full) - 1) <= _MAX_ASPECT_ERROR
        for size, full in ((width, cut.width), (height, cut.height))
    )
    area = width * height / (whole.width * whole.height)
    if not (fits and _MIN_AREA <= area <= _MAX_AREA):
        return _NOWHERE
    template = _detail(cut.resize((width, height), Image.Resampling.BILINEAR), side=max(whole.size))
    scene = _detail(whole)
    left, top, right, bottom = 0, 0, whole.width, whole.height
    if near is not None:
        reach = math.ceil(2 * SIDE / COARSE_SIDE)
        left = max(0, min(round(near.x * whole.width), whole.width - width) - reach)
        top = max(0, min(round(near.y * whole.height), whole.height - height) - reach)
        right, bottom = min(right, left + width + 2 * reach), min(bottom, top + height + 2 * reach)
    correlations = _correlation_map(scene[top:bottom, left:right], template)
    y, x = np.unravel_index(int(correlations.argmax()), correlations.shape)
    return _Place(
        float(correlations[y, x]), scale, (left + int(x)) / whole.width, (top + int(y)) / whole.height
    )


def _correlation_map(scene: np.ndarray, template: np.ndarray) -> np.ndarray:
    """The correlation of a template [h, w] with every place in a scene [H, W]: [H - h + 1, W - w + 1].

    Normalised cross-correlation by the fast Fourier transform (Lewis, Vision Interface 1995).
    """
    height, width = template.shape
    centred = template - template.mean()
    shape = scene.shape
    spectrum = np.fft.rfft2(scene) * np.conj(np.fft.rfft2(centred, shape))
    products = np.fft.irfft2(spectrum, shape)[: shape[0] - height + 1, : shape[1] - width + 1]
    sums, squares = (_window_sums(values, height, width) for values in (scene, scene.astype(np.float64) ** 2))
    variance = np.maximum(squares - sums**2 / template.size, 1e-3)
    correlations: np.ndarray = products / np.sqrt(variance * float((centred**2).sum()) + 1e-9)
    return correlations


def _window_sums(values: np.ndarray, height: int, width: int) -> np.ndarray:
    """Sums over every window of a size."""
    table = np.pad(values.astype(np.float64), ((1, 0), (1, 0))).cumsum(axis=0).cumsum(axis=1)
    sums: np.ndarray = (
        table[height:, width:] - table[:-height, width:] - table[height:, :-width] + table[:-height, :-width]
    )
    return sums


def _block_correlations(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The correlation of each textured block of two arrays of one shape."""
    found, textures = [], []
    for top in range(0, first.shape[0] - _BLOCK // 2, _BLOCK):
        for left in range(0, first.shape[1] - _BLOCK // 2, _BLOCK):
            one, other = (
                array[top : top + _BLOCK, left : left + _BLOCK].ravel() for array in (first, second)
            )
            textures.append(max(float(one.std()), float(other.std())))
            found.append(_correlation(one, other))
    correlations, texture = np.array(found), np.array(textures)
    chosen = texture >= _MIN_TEXTURE
    if chosen.sum() < _MIN_BLOCKS:  # a picture with hardly any structure: its most structured blocks
        chosen = texture >= np.sort(texture)[-min(_MIN_BLOCKS, len(texture))]
    return correlations[chosen]


def _correlation(first: np.ndarray, second: np.ndarray) -> float:
    one, other = first - first.mean(), second - second.mean()
    return float(one @ other / (np.sqrt(float(one @ one) * float(other @ other)) + 1e-6))


def _detail(image: Image.Image, *, side: int | None = None) -> np.ndarray:
    """Brightness less the mean of its surroundings, float32 [H, W]."""
    radius = _SURROUNDINGS * (max(image.size) if side is None else side)
    surroundings = image.filter(ImageFilter.GaussianBlur(radius))
    return np.asarray(image, np.float32) - np.asarray(surroundings, np.float32)


def _resized(image: Image.Image, side: int) -> Image.Image:
    share = side / max(image.size)
    size = (max(_BLOCK, round(image.width * share)), max(_BLOCK, round(image.height * share)))
    return image.resize(size, Image.Resampling.BOX if share < 1 else Image.Resampling.BILINEAR)
