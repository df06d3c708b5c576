"""Fixed directions: dimensions of the shared space that training does not change.

A small training set names few things, and a head fitted to it forgets the rest of what the text tower knows. So
some dimensions hold the text tower's own space: for a text its pooled embedding, for a picture the mean embedding
of the names that ImageNet classifiers give it (`Concepts`). The cosine of the whole is then a weighted sum of the
learnt cosine and that of DeViSE and ConSE (arXiv 1312.5650), which needs no captions at all.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional


class FixedDirections(nn.Module):
    """The principal directions of the concepts' names in the text tower's space."""

    basis: Tensor

    def __init__(self, width: int, *, size: int, share: float) -> None:
        """Set the sizes; until `fit` the directions are zero.

        Args:
            width: dimensions of the text tower's space.
            size: number of fixed directions.
            share: their share of a vector's squared length.
        """
        super().__init__()
        self.share = share
        self.register_buffer("basis", torch.zeros(width, size))

    def forward(self, learnt: Tensor, words: Tensor) -> Tensor:
        """Learnt [B, E - size] and centred words [B, width] in the text tower's space to [B, E], of unit length."""
        fixed = functional.normalize(words @ self.basis, dim=-1)
        learnt = functional.normalize(learnt, dim=-1)
        return torch.cat([math.sqrt(1 - self.share) * learnt, math.sqrt(self.share) * fixed], dim=-1)

    @torch.no_grad()
    def fit(self, names: Tensor) -> None:
        """Take the directions in which the centred embeddings of the names, float [classes, width], differ most."""
        _, _, directions = torch.linalg.svd(names, full_matrices=False)
        self.basis.copy_(directions[: self.basis.shape[1]].T)


class HeadWithFixedDirections(nn.Module):
    """The Y-Encoder's learnt head, joined with the fixed directions."""

    mean: Tensor

    def __init__(self, learnt: nn.Module, fixed: FixedDirections) -> None:
        super().__init__()
        self.learnt, self.fixed = learnt, fixed
        self.register_buffer("mean", torch.zeros(len(fixed.basis)))

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled texts, float [B, width], to [B, E], of unit length."""
        embeddings: Tensor = self.fixed(self.learnt(pooled), pooled - self.mean)
        return embeddings
