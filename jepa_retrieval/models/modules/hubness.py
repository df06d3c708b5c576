"""One dimension of the shared space that makes pictures compete on level ground.

Some embeddings are near to every text (hubs) and push the right ones from the top of a ranking. What a caption at
large scores with a picture, T log mean exp(cosine / T) over a bank of captions, is in part subtracted from each of
that picture's scores: the inverted softmax (Smith et al., arXiv 1702.03859), which Bogolin et al. brought to
text-video retrieval as Querybank Normalisation (arXiv 2112.12777). It depends on the picture alone, so it fits into
its embedding: a further dimension holds it, and is the same number in every text.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import LevellingConfig

MOST = 0.5  # of a predicted embedding's length that may lie in the dimension


class LevelledPredictions(nn.Module):
    """The Predictor's side: Ŝ_Y with how much less than others it is liked by captions at large."""

    bank: Tensor
    log_weights: Tensor
    temperature: Tensor
    usual: Tensor

    def __init__(self, config: LevellingConfig, *, size: int) -> None:
        """`size`: dimensions before the one that is added. Until `fit` that one is zero."""
        super().__init__()
        self.share = config.share
        self.gain = config.strength * math.sqrt(1 - config.share) / math.sqrt(config.share)
        self.register_buffer("bank", torch.zeros(config.bank, size))
        self.register_buffer("log_weights", torch.full((config.bank,), -math.log(config.bank)))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("usual", torch.zeros(()))

    def forward(self, predicted: Tensor) -> Tensor:
        """Float [B, size] to [B, size + 1], of unit length."""
        unit = functional.normalize(predicted, dim=-1)
        height = (self.gain * (self.usual - self._liked(unit))).clamp(-MOST, MOST)
        return torch.cat([(1 - height.square()).sqrt() * unit, height], dim=-1)

    def _liked(self, unit: Tensor) -> Tensor:
        """[B, 1]: T log of the weighted mean of exp(score / T) over the bank."""
        scores = (unit @ self.bank.T) / self.temperature + self.log_weights
        return self.temperature * scores.logsumexp(dim=-1, keepdim=True)

    @torch.no_grad()
    def fit(self, bank: Tensor, weights: Tensor, predicted: Tensor, *, temperature: float) -> None:
        """Take the centres of clusters of S_Y, float [bank, size], and their shares of all captions, float [bank].

        `predicted`, float [P, size], are pictures whose mean is the level: the dimension is zero on average.
        """
        self.bank.copy_(bank)
        self.log_weights.copy_(weights.log())
        self.temperature.fill_(temperature)
        self.usual.copy_(self._liked(functional.normalize(predicted, dim=-1)).mean())


class LevelledTexts(nn.Module):
    """The Y-Encoder's side: S_Y with the same number in the further dimension of every text."""

    def __init__(self, config: LevellingConfig) -> None:
        super().__init__()
        self.share = config.share

    def forward(self, embeddings: Tensor) -> Tensor:
        """Float [B, size] to [B, size + 1], of unit length."""
        unit = math.sqrt(1 - self.share) * functional.normalize(embeddings, dim=-1)
        return functional.pad(unit, (0, 1), value=math.sqrt(self.share))
