"""Several members that share the learnt dimensions of the space.

What a small training set teaches depends on chance: two predictors that start from other weights err on other
pictures, and the mean of their scores errs less than either (Lakshminarayanan et al., "Deep ensembles", arXiv
1612.01474). Vectors of unit length that lie side by side, scaled by 1 / sqrt(members), have the mean of their cosines
as their cosine. So an ensemble is one embedding, as long as each member is trained by a loss of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def side_by_side(embeddings: Sequence[Tensor]) -> Tensor:
    """Embeddings [B, size] of M members to one of unit length, [B, M * size]."""
    if len(embeddings) == 1:
        return embeddings[0]
    units = [functional.normalize(embedding, dim=-1) for embedding in embeddings]
    return torch.cat(units, dim=-1) / math.sqrt(len(units))


def each_member(embeddings: Tensor, *, members: int, size: int) -> list[Tensor]:
    """What each member would give alone: [..., M * size + rest] to M of [..., size + rest], of the same length.

    The rest are dimensions that no member learns: each has them all.
    """
    if members == 1:
        return [embeddings]
    rest = embeddings[..., members * size :]
    parts = embeddings[..., : members * size].split(size, dim=-1)
    return [torch.cat([math.sqrt(members) * part, rest], dim=-1) for part in parts]


class SideBySide(nn.Module):
    """The heads of the Y-Encoder, one for each member."""

    def __init__(self, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled texts, float [B, F], to [B, M * size], of unit length."""
        return side_by_side([head(pooled) for head in self.heads])
