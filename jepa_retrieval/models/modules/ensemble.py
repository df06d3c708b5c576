"""An ensemble in one embedding: several members, each with an equal share of the learnt dimensions.

With a small training set, the result depends on chance: two predictors that start from different weights make
different mistakes, and the mean of their scores makes fewer than either (Lakshminarayanan et al., "Deep ensembles",
arXiv 1612.01474). Unit vectors that are concatenated and scaled by 1 / sqrt(members) have the mean of their cosines
as their cosine. So an ensemble is one embedding, provided that each member is trained by a loss of its own.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def join_members(embeddings: Sequence[Tensor]) -> Tensor:
    """Embeddings [B, size] of M members to one of unit length, [B, M * size]."""
    if len(embeddings) == 1:
        return embeddings[0]
    units = [functional.normalize(embedding, dim=-1) for embedding in embeddings]
    return torch.cat(units, dim=-1) / math.sqrt(len(units))


def split_members(embeddings: Tensor, *, members: int, size: int) -> list[Tensor]:
    """What each member would give alone: [..., M * size + rest] to M of [..., size + rest], of the same length.

    The rest are dimensions that no member learns: each member's embedding has all of them.
    """
    if members == 1:
        return [embeddings]
    rest = embeddings[..., members * size :]
    parts = embeddings[..., : members * size].split(size, dim=-1)
    return [torch.cat([math.sqrt(members) * part, rest], dim=-1) for part in parts]


class EnsembleHeads(nn.Module):
    """The heads of the Y-Encoder, one for each member."""

    def __init__(self, heads: Sequence[nn.Module]) -> None:
        super().__init__()
        self.heads = nn.ModuleList(heads)

    def forward(self, pooled: Tensor) -> Tensor:
        """Pooled texts, float [B, F], to [B, M * size], of unit length."""
        return join_members([head(pooled) for head in self.heads])
