"""Which state comes next? The network that `runtime.future_ranking` runs, to be trained."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config.dynamics import RANKING_FEATURES


class FutureRanking(nn.Module):
    """Features of candidates, float [..., `RANKING_FEATURES`], to logits [...].

    Args:
        mean: of the features, float [F].
        scale: their standard deviations.
        width: of the hidden layers.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, mean: Tensor, scale: Tensor, *, width: int, dropout: float = 0.1) -> None:
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)
        self.first = nn.Linear(RANKING_FEATURES, width)
        self.second = nn.Linear(width, width)
        self.last = nn.Linear(width, 1)
        self.dropout = nn.Dropout(dropout)

    def forward(self, features: Tensor) -> Tensor:
        """Logits: the higher, the likelier to come."""
        hidden = self.dropout(functional.silu(self.first((features - self.mean) / self.scale)))
        logits: Tensor = self.last(functional.silu(self.second(hidden)))[..., 0]
        return logits
