"""The section `y_encoder` of a model's config."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.ranges import Dropout, OptionalWidth, Tokens
from jepa_retrieval.models.config.text_towers import OpenClipTextConfig, TextTowerConfig


@dataclass(frozen=True, kw_only=True)
class YEncoderConfig:
    """A text tower, pooled, and a head into the shared space."""

    tower: TextTowerConfig
    max_tokens: Tokens = 512
    pooling: Literal["mean", "first", "tower"] = "mean"  # "tower": the tower pools by itself (open_clip)
    head: Literal["linear", "mlp", "none"] = "linear"  # "none": the tower's embedding is the shared space
    head_hidden: OptionalWidth = 0  # hidden width of "mlp", a linear layer with an MLP beside it
    dropout: Dropout = 0.0  # of the channels that enter the head
    hidden_dropout: Dropout = 0.0  # inside the MLP

    def __post_init__(self) -> None:
        """Raise `ModelError` for a head or a pooling that the tower does not allow."""
        if self.head == "mlp" and not self.head_hidden:
            raise ModelError(
                'y_encoder.head = "mlp" needs y_encoder.head_hidden, the width of its hidden layer'
            )
        if (self.pooling == "tower") != isinstance(self.tower, OpenClipTextConfig):
            raise ModelError('y_encoder.pooling = "tower" goes with an open_clip tower, and with no other')
