"""The predictor of a CLIP-style model: pooling, without weights."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional


class MeanPool(nn.Module):
    """The mean of the unit frame embeddings; the query has no influence."""

    def forward(
        self, tokens: Tensor, query_ids: Tensor, query_mask: Tensor, token_mask: Tensor | None = None
    ) -> Tensor:
        """S_V [B, N, E] to Ŝ_Y [B, E], not yet of unit length; `token_mask` [B, N] is 0 at padding."""
        unit = functional.normalize(tokens, dim=-1)
        if token_mask is None:
            return unit.mean(dim=1)
        weights = token_mask.to(unit.dtype).unsqueeze(-1)
        return (unit * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1.0)
