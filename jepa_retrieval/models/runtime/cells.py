"""Pictures to cells, on the graph of an X-Encoder's first stages."""

from __future__ import annotations

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import EfficientNetLiteConfig
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.models.runtime.parts import in_batches

TILES = 2  # per side, as in `modules.cells`
BATCH = 8  # pictures


class GraphCells:
    """Encodes pictures of twice the X-Encoder's side.

    Raises:
        UsageError: the model's X-Encoder is no EfficientNet-Lite, whose first stages these are.
    """

    def __init__(self, model: RuntimeModel) -> None:
        section = model.config.x_encoder
        if not isinstance(section, EfficientNetLiteConfig):
            raise UsageError(f"{model.name} has no early feature maps to make cells of; nano has")
        self.image_size = TILES * section.image_size
        from jepa_retrieval.models.runtime.openvino_graph import cached_graph

        self._graph = cached_graph(
            "cells",
            f"cells of whole tiles {fingerprint_of_x_encoder(model.config)}",
            build=lambda: _module(model, section.image_size),
            inputs={"frames": ((-1, self.image_size, self.image_size, 3), "uint8")},
            reduced_precision=False,
        )

    def encode(self, frames: np.ndarray) -> np.ndarray:
        """Uint8 [B, S, S, 3], S being `image_size`, to float32 [B, G, G, C]."""
        return in_batches(self._graph, frames, batch_size=BATCH)


def _module(model: RuntimeModel, tile_size: int):  # type: ignore[no-untyped-def]  # PyTorch is imported only here
    from jepa_retrieval.models.modules.cells import CellEncoder
    from jepa_retrieval.models.modules.efficientnet_lite import EfficientNetLite, Tower

    x_encoder = model.torch_module("x_encoder").x_encoder
    assert isinstance(x_encoder, EfficientNetLite)
    tower = x_encoder.towers[-1]
    assert isinstance(tower, Tower)
    return CellEncoder(tower, tile_size=tile_size)
