"""The section `x_encoder` of a model's config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.ranges import (
    Frames,
    Grid,
    Heads,
    Layers,
    MlpRatio,
    Pixels,
    Share,
    Width,
    check_multiple,
)

# How a picture of any shape becomes a square (jepa_retrieval/media/frame_fit.py): "squeeze" changes its aspect,
# "crop" cuts from its middle (of long pictures several squares), "pad" adds black.
FrameFit = Literal["squeeze", "crop", "pad"]
Interpolation = Literal["bicubic", "bilinear"]


@dataclass(frozen=True, kw_only=True)
class VJepa2Config:
    """V-JEPA 2: a video ViT over tubelets; tokens are its last hidden state."""

    kind: Literal["vjepa2"]
    source: str | None
    image_size: Pixels  # pixels, a multiple of patch_size
    frames: Frames  # frames per clip; a shorter or longer input is sampled uniformly to this many
    width: Width
    layers: Layers
    heads: Heads
    patch_size: Pixels = 16
    tubelet_size: Frames = 2  # frames per token
    mlp_ratio: MlpRatio = 4.0
    frame_fit: FrameFit = "crop"  # as in V-JEPA 2's own evaluation
    frozen: bool = True

    def __post_init__(self) -> None:
        """Raise `ModelError` for sizes that cannot be divided as the network does."""
        check_multiple("x_encoder.width", self.width, "x_encoder.heads", self.heads)
        check_multiple("x_encoder.image_size", self.image_size, "x_encoder.patch_size", self.patch_size)
        check_multiple("x_encoder.frames", self.frames, "x_encoder.tubelet_size", self.tubelet_size)

    @property
    def token_size(self) -> int:  # noqa: D102
        return self.width

    @property
    def short_side(self) -> int:
        """Pixels of a picture's shorter side before the crop, as in V-JEPA 2's own evaluation: 292 for 256."""
        return self.image_size * 256 // 224

    @property
    def interpolation(self) -> Interpolation:  # noqa: D102
        return "bilinear"

    @property
    def tokens_per_frame(self) -> int:  # noqa: D102
        # A tubelet's tokens are divided among its frames, so that N = frames * tokens_per_frame.
        return (self.image_size // self.patch_size) ** 2 // self.tubelet_size


@dataclass(frozen=True, kw_only=True)
class TowerConfig:
    """One EfficientNet-Lite network, its features pooled to a global token and a grid of cells."""

    name: Literal["lite0", "lite2"]
    source: str | None
    image_size: Pixels  # pixels; frames of another size are resized
    mean: float = 127.0  # pixels are scaled as (x - mean) / std
    std: float = 128.0


@dataclass(frozen=True, kw_only=True)
class EfficientNetLiteConfig:
    """Frame-wise EfficientNet-Lite towers: per frame a global token, then grid x grid tokens row by row."""

    kind: Literal["efficientnet_lite"]
    towers: tuple[TowerConfig, ...]
    image_size: Pixels  # pixels of the frames that come in
    grid: Grid = 0  # cells per side; 0: the global token alone
    # Number of each tower's last stages whose channel means are added: they keep more of colours, textures and places
    # than the last feature map does. They come after the last maps of all towers.
    stages: int = 0
    # "channels" concatenates the towers' features of a cell to one token, "tokens" the towers' token sequences.
    combine: Literal["channels", "tokens"] = "channels"
    # Side of a centre crop that is encoded besides the whole picture, as a share of the whole side; 0: none. A
    # photograph is encoded both ways; of a video window, every second frame is cropped.
    centre: Share = 0.0
    frame_fit: FrameFit = "squeeze"
    frozen: bool = True

    def __post_init__(self) -> None:
        """Raise `ModelError` for no tower, or for stages combined as tokens: their width differs between towers."""
        if not self.towers:
            raise ModelError("x_encoder.towers is empty; it needs one or more")
        if self.stages and self.combine == "tokens":
            raise ModelError('x_encoder.stages needs x_encoder.combine = "channels"')
        if not 0 <= self.stages <= len(EFFICIENTNET_LITE_STAGES["lite0"]):
            raise ModelError(f"x_encoder.stages is {self.stages} (allowed: 0 to 7)")

    @property
    def token_size(self) -> int:  # noqa: D102
        stages = [EFFICIENTNET_LITE_STAGES[tower.name][7 - self.stages :] for tower in self.towers]
        last = EFFICIENTNET_LITE_WIDTH * (len(self.towers) if self.combine == "channels" else 1)
        return last + sum(sum(widths) for widths in stages)

    @property
    def short_side(self) -> int:  # noqa: D102
        return self.image_size

    @property
    def interpolation(self) -> Interpolation:  # noqa: D102
        return "bicubic"

    @property
    def tokens_per_frame(self) -> int:  # noqa: D102
        return (1 + self.grid**2) * (len(self.towers) if self.combine == "tokens" else 1)


EFFICIENTNET_LITE_WIDTH = 1280  # channels of the last feature map of every EfficientNet-Lite
EFFICIENTNET_LITE_STAGES = {  # channels after each of the seven stages
    "lite0": (16, 24, 40, 80, 112, 192, 320),
    "lite2": (16, 24, 48, 88, 120, 208, 352),
}


@dataclass(frozen=True, kw_only=True)
class OpenClipImageConfig:
    """The image tower of any open_clip model, frame by frame; its projected embedding is the one token."""

    kind: Literal["open_clip"]
    architecture: str  # open_clip's name, such as "ViT-B-32"
    source: str | None  # `tag:NAME`, one of open_clip's pretrained tags; or the path of a checkpoint
    image_size: Pixels
    width: Width  # size of the projected embedding
    mean: tuple[float, ...]  # per channel, of pixels scaled to 0..1
    std: tuple[float, ...]
    frame_fit: FrameFit = "crop"
    interpolation: Interpolation = "bicubic"  # of photographs
    frozen: bool = True

    @property
    def token_size(self) -> int:  # noqa: D102
        return self.width

    @property
    def short_side(self) -> int:  # noqa: D102
        return self.image_size

    @property
    def tokens_per_frame(self) -> int:  # noqa: D102
        return 1


XEncoderConfig = VJepa2Config | EfficientNetLiteConfig | OpenClipImageConfig
