"""The text tower of a model's Y-Encoder on its own, as its makers published it (if the model leaves it frozen)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.registry import weights_folder

BATCH = 64
# all-MiniLM-L6-v2 as a section of a model's config.
MINILM: dict[str, Any] = {
    "kind": "bert",
    "source": "package:all_minilm_l6_v2",
    "tokenizer": "package:all_minilm_l6_v2",
    "vocabulary": 30522,
    "width": 384,
    "layers": 6,
    "heads": 12,
    "mlp_width": 1536,
}


def tower_encoder(name: str) -> Callable[[Sequence[str]], np.ndarray]:
    """An encoder of texts to float32 [N, D], unit length: the tower, pooled as in the model, without its head.

    Raises:
        UsageError: the model has no folder of weights of its own (open_clip's have no head either).
    """
    folder = weights_folder(name)
    if folder is None:
        raise UsageError(
            f"{name}: only a model with a folder of weights has a text tower apart from its head"
        )
    import torch

    from jepa_retrieval.models.storage import read_model

    model = read_model(folder)

    @torch.no_grad()
    def encode(texts: Sequence[str]) -> np.ndarray:
        parts = []
        for start in range(0, len(texts), BATCH):
            batch = model.tokenise_targets(texts[start : start + BATCH])
            pooled = model.y_encoder.pool(model.y_encoder.tower(batch.ids, batch.mask), batch.mask)
            parts.append(torch.nn.functional.normalize(pooled, dim=-1).float().numpy())
        return np.concatenate(parts)

    return encode
