"""How a picture of any shape becomes squares of S pixels: squeezed, cropped or padded.

First the whole picture is scaled (`Fit.scaled_size`), then squares are cut from it (`Fit.squares`). Thumbnails are
made in between, from the whole picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

from jepa_retrieval.errors import UsageError

FrameFit = Literal["squeeze", "crop", "pad"]
Interpolation = Literal["bicubic", "bilinear"]

MAX_ASPECT = 8.0  # of a picture whose aspect is kept; longer ones are squeezed to it
MAX_SINGLE_CROP_ASPECT = 2.0  # the longest picture of which the middle stands for the whole


@dataclass(frozen=True, slots=True)
class Fit:
    """How pictures are made square.

    Attributes:
        mode: "squeeze" scales both sides to S, so that nothing is lost but the aspect. "crop" scales the shorter side
            to `short_side` and cuts S x S from the middle; of pictures longer than `MAX_SINGLE_CROP_ASPECT` it cuts
            several squares, evenly spaced from one end to the other. "pad" scales the longer side to S and adds black
            on both sides of the shorter.
        short_side: see `mode`, pixels, S or more; 0: S.
        interpolation: of photographs.
        single_crop: cut the middle alone, however long the picture is.
    """

    mode: FrameFit = "squeeze"
    short_side: int = 0
    interpolation: Interpolation = "bicubic"
    single_crop: bool = False

    def __post_init__(self) -> None:
        if self.mode not in get_args(FrameFit):
            raise UsageError(f"fit must be {', '.join(get_args(FrameFit))}, not {self.mode!r}")
        if self.interpolation not in get_args(Interpolation):
            raise UsageError(
                f"interpolation must be {', '.join(get_args(Interpolation))}, not {self.interpolation!r}"
            )
        if not 0 <= self.short_side <= 8192:
            raise UsageError(f"short_side must be 0 to 8192 pixels, not {self.short_side}")

    def scaled_size(self, size: int, width: float, height: float) -> tuple[int, int]:
        """The width and height that the whole picture is scaled to.

        Args:
            size: S, pixels.
            width: of the picture as shown, in any unit.
            height: likewise.
        """
        if self.mode == "squeeze":
            return size, size
        aspect = min(max(width / height, 1 / MAX_ASPECT), MAX_ASPECT)
        if self.mode == "pad":
            shorter = max(1, round(size * min(aspect, 1 / aspect)))
            return (size, shorter) if aspect >= 1 else (shorter, size)
        short = max(size, self.short_side)
        # Rounded down as torchvision does it, which the published figures were measured with.
        longer = int(short * max(aspect, 1 / aspect) + 1e-9)
        return (longer, short) if aspect >= 1 else (short, longer)

    def crops(self, picture: Any) -> int:
        """How many squares are cut from a scaled picture [h, w, 3]."""
        height, width = picture.shape[:2]
        long, short = max(height, width), min(height, width)
        if self.mode != "crop" or self.single_crop or long <= MAX_SINGLE_CROP_ASPECT * short:
            return 1
        return -(-long // short)

    def squares(self, pictures: Sequence[Any], size: int) -> Any:
        """Cut or fill the scaled pictures of one window to squares.

        Args:
            pictures: T pictures uint8 [h, w, 3], as scaled by `scaled_size`; arrays, or tensors of PyTorch.
            size: S, pixels.

        Returns:
            Uint8 [K * T, S, S, 3]: the first of K squares of every picture, then the second, and so on. K is what
            `crops` says of the first picture.
        """
        from jepa_retrieval.media.frame_arrays import stacked

        if self.mode == "pad":
            return stacked([_padded(picture, size) for picture in pictures])
        if self.mode == "squeeze":
            return stacked(pictures)
        count = self.crops(pictures[0])
        return stacked([_cut(picture, size, place, count) for place in range(count) for picture in pictures])


SQUEEZE = Fit()


def _padded(picture: Any, size: int) -> Any:
    from jepa_retrieval.media.frame_arrays import zeros_like

    height, width = picture.shape[:2]
    square = zeros_like(picture, (size, size, 3))
    top, left = (size - height) // 2, (size - width) // 2
    square[top : top + height, left : left + width] = picture
    return square


def _cut(picture: Any, size: int, place: int, count: int) -> Any:
    """The square number `place` of `count` along the longer side; of one alone, the middle."""
    rests = [side - size for side in picture.shape[:2]]
    longer = 0 if rests[0] > rests[1] else 1
    starts = [round(rest / 2) for rest in rests]
    if count > 1:
        starts[longer] = round(rests[longer] * place / (count - 1))
    top, left = starts
    return picture[top : top + size, left : left + size]
