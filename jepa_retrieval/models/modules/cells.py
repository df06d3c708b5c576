"""Cells: an X-Encoder's early feature map at twice its resolution, for things too small for a window's S_V."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn

from jepa_retrieval.models.modules.efficientnet_lite import Tower

CELL_STAGE = 2  # its map has an eighth of the picture's resolution
TILES = 2  # per side


class CellEncoder(nn.Module):
    """The first stages of an EfficientNet-Lite tower over the tiles of a picture.

    Args:
        tower: whose stages.
        tile_size: pixels per side of a tile; the tower sees them all, whatever size it was trained with.
    """

    def __init__(self, tower: Tower, *, tile_size: int) -> None:
        super().__init__()
        self.normalise = copy.deepcopy(tower.normalise)
        self.normalise.image_size = tile_size
        network: Any = tower.network  # a network of timm, whose parts have no types
        self.stem = nn.Sequential(network.conv_stem, network.bn1)
        self.blocks = nn.Sequential(*list(network.blocks)[: CELL_STAGE + 1])

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 [B, TILES * S, TILES * S, 3] to cells, float [B, G, G, C]."""
        rows = [torch.chunk(row, TILES, dim=2) for row in torch.chunk(frames, TILES, dim=1)]
        maps = [[self._map(tile) for tile in row] for row in rows]
        return torch.cat([torch.cat(row, dim=2) for row in maps], dim=1)

    def _map(self, tile: Tensor) -> Tensor:
        features: Tensor = self.blocks(self.stem(self.normalise(tile)))
        return features.permute(0, 2, 3, 1)
