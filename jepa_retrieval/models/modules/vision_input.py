"""Visual tokens S_V lifted to the Predictor's width."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from jepa_retrieval.models.config import LlamaPredictorConfig
from jepa_retrieval.models.modules.concepts import ConceptInput, Concepts


class VisionInput(nn.Module):
    """A linear layer, as in the paper; a small model may standardise, drop, use an MLP, add places and concepts."""

    mean: Tensor
    std: Tensor

    def __init__(self, config: LlamaPredictorConfig, *, token_size: int, first: bool = True) -> None:
        """`first`: whether this is the Predictor's first member, which holds the classifiers of concepts."""
        super().__init__()
        self.standardise = config.vision_norm
        if self.standardise:
            self.register_buffer("mean", torch.zeros(token_size))
            self.register_buffer("std", torch.ones(token_size))
        self.dropout = nn.Dropout(config.vision_dropout)
        if config.vision_hidden:
            self.projection: nn.Module = nn.Sequential(
                nn.Linear(token_size, config.vision_hidden),
                nn.GELU(),
                nn.Dropout(config.hidden_dropout),
                nn.Linear(config.vision_hidden, config.width),
            )
        else:
            self.projection = nn.Linear(token_size, config.width)
        self.positions = (
            nn.Embedding(config.vision_positions, config.width) if config.vision_positions else None
        )
        self.concepts: ConceptInput | None = None
        if config.concepts:
            self.concepts = (Concepts if first else ConceptInput)(config.concepts, width=config.width)

    def forward(self, tokens: Tensor, words: Tensor | None = None) -> Tensor:
        """S_V [B, N, D] to [B, N, width], or to [B, 2 N, width] with concepts, which come after.

        `words` are the concepts, [B, N, width of the names].
        """
        scaled = (tokens - self.mean) / self.std if self.standardise else tokens
        lifted: Tensor = self.projection(self.dropout(scaled))
        if self.positions is not None:
            # Tokens come frame by frame: token i has place i modulo the number of places in its frame.
            places = torch.arange(lifted.shape[1], device=lifted.device) % self.positions.num_embeddings
            lifted = lifted + self.positions(places)
        return (
            lifted
            if words is None or self.concepts is None
            else torch.cat([lifted, self.concepts(words)], dim=1)
        )

    def words(self, tokens: Tensor) -> Tensor | None:
        """S_V [B, N, D] to the concepts in the text tower's space, [B, N, width of the names]; None: no concepts."""
        return self.concepts.words(tokens) if isinstance(self.concepts, Concepts) else None

    @torch.no_grad()
    def fit(self, mean: Tensor, std: Tensor) -> None:
        """Set the channels' mean and deviation, float [D] each, measured on the training set."""
        self.mean.copy_(mean)
        self.std.copy_(std)
