"""Hubness correction: one dimension of the shared space that makes pictures comparable.

Some embeddings are near to every text (hubs) and push the right ones from the top of a ranking. A picture's
*hubness* is its score against captions in general, T log mean exp(cosine / T) over a bank of captions. A share of
it is subtracted from each of that picture's scores: the inverted softmax (Smith et al., arXiv 1702.03859), which
Bogolin et al. brought to text-video retrieval as Querybank Normalisation (arXiv 2112.12777). Hubness depends on the
picture alone, so it fits into the picture's embedding: one more dimension holds the correction, and has the same
value in every text.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import HubnessConfig

MAX_CORRECTION = 0.5  # largest value of the dimension in a predicted embedding of unit length


class PredictionHubness(nn.Module):
    """The Predictor's side: Ŝ_Y and, in the last dimension, how far its hubness is below the mean."""

    bank: Tensor
    log_weights: Tensor
    temperature: Tensor
    mean_hubness: Tensor

    def __init__(self, config: HubnessConfig, *, size: int) -> None:
        """`size`: dimensions before the one that is added. Until `fit` that one is zero."""
        super().__init__()
        self.share = config.share
        self.gain = config.strength * math.sqrt(1 - config.share) / math.sqrt(config.share)
        self.register_buffer("bank", torch.zeros(config.bank, size))
        self.register_buffer("log_weights", torch.full((config.bank,), -math.log(config.bank)))
        self.register_buffer("temperature", torch.ones(()))
        self.register_buffer("mean_hubness", torch.zeros(()))

    def forward(self, predicted: Tensor) -> Tensor:
        """Float [B, size] to [B, size + 1], of unit length."""
        unit = functional.normalize(predicted, dim=-1)
        correction = self.gain * (self.mean_hubness - self.hubness(unit))
        correction = correction.clamp(-MAX_CORRECTION, MAX_CORRECTION)
        return torch.cat([(1 - correction.square()).sqrt() * unit, correction], dim=-1)

    def hubness(self, unit: Tensor) -> Tensor:
        """Unit vectors [B, size] to [B, 1]: T log of the weighted mean of exp(score / T) over the bank."""
        scores = (unit @ self.bank.T) / self.temperature + self.log_weights
        return self.temperature * scores.logsumexp(dim=-1, keepdim=True)

    @torch.no_grad()
    def fit(self, bank: Tensor, weights: Tensor, predicted: Tensor, *, temperature: float) -> None:
        """Set the bank and the mean hubness.

        Args:
            bank: centres of clusters of S_Y, float [bank, size].
            weights: the clusters' shares of all captions, float [bank].
            predicted: Ŝ_Y of pictures, float [P, size], whose mean hubness is the reference: the dimension is zero on
                average over them.
            temperature: T.
        """
        self.bank.copy_(bank)
        self.log_weights.copy_(weights.log())
        self.temperature.fill_(temperature)
        self.mean_hubness.copy_(self.hubness(functional.normalize(predicted, dim=-1)).mean())


class TextHubness(nn.Module):
    """The Y-Encoder's side: S_Y and, in the last dimension, the same value for every text."""

    def __init__(self, config: HubnessConfig) -> None:
        super().__init__()
        self.share = config.share

    def forward(self, embeddings: Tensor) -> Tensor:
        """Float [B, size] to [B, size + 1], of unit length."""
        unit = math.sqrt(1 - self.share) * functional.normalize(embeddings, dim=-1)
        return functional.pad(unit, (0, 1), value=math.sqrt(self.share))
