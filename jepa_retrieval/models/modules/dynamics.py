"""Latent dynamics: from the states of a video so far to the states that come next.

A state is a window's S_V, averaged over its tokens and projected. The layers are Llama's, as in the Predictor, with a
causal mask. What is predicted is the *change* from the last state: a share of the way to a weighted mean of the
states so far, and a free change on top of it. The share and the weights follow from times and from distances between
states, whatever the states show, so that a small data set is enough to learn them.

Dimension letters: B videos, L states, S size of a state.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from transformers import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaDecoderLayer, LlamaRMSNorm, LlamaRotaryEmbedding

from jepa_retrieval.models.config.dynamics import (
    MAX_LOG_ERROR,
    NORM_EPS,
    PAIR_WIDTH,
    PLACE_SIZE,
    ROPE_THETA,
    DynamicsConfig,
)
from jepa_retrieval.models.modules.future_ranking import FutureRanking


class Dynamics(nn.Module):
    """Predicts, at each state of a sequence, the state at a stated time after it, and how far off that will be.

    The ranking of candidates, `ranking`, is trained separately afterwards; until then it is None.
    """

    def __init__(self, config: DynamicsConfig) -> None:
        super().__init__()
        llama = LlamaConfig(
            hidden_size=config.width,
            num_hidden_layers=config.layers,
            num_attention_heads=config.heads,
            num_key_value_heads=config.heads,
            head_dim=config.width // config.heads,
            intermediate_size=config.mlp_width,
            rms_norm_eps=NORM_EPS,
            max_position_embeddings=4096,
            rope_parameters={"rope_type": "default", "rope_theta": ROPE_THETA},
        )
        llama._attn_implementation = (
            "sdpa"  # as PreTrainedModel sets it; the layers are used without one here
        )
        self.state_input = nn.Linear(2 * config.state_size, config.width)
        self.place_input = nn.Sequential(
            nn.Linear(2 + PLACE_SIZE, config.width), nn.SiLU(), nn.Linear(config.width, config.width)
        )
        self.pair = nn.Sequential(nn.Linear(3, PAIR_WIDTH), nn.SiLU(), nn.Linear(PAIR_WIDTH, 1))
        self.rotary = LlamaRotaryEmbedding(llama)
        self.layers = nn.ModuleList(LlamaDecoderLayer(llama, index) for index in range(config.layers))
        self.norm = LlamaRMSNorm(config.width, eps=NORM_EPS)
        self.dropout = nn.Dropout(config.dropout)
        self.query, self.key = (nn.Linear(config.width, config.key_width) for _ in range(2))
        self.change = nn.Linear(config.width, config.state_size)
        self.share = nn.Linear(config.width, 1)  # of the way to the mean of the states so far
        self.error = nn.Linear(config.width, 1)
        self.ranking: FutureRanking | None = None
        self._start_as_copy()

    def forward(self, states: Tensor, gaps: Tensor, ahead: Tensor) -> Tensor:
        """Predict from each state and all before it.

        Args:
            states: float [B, L, S].
            gaps: seconds since the state before, [B, L]; 0 for the first.
            ahead: seconds until the state that is to be predicted, [B, L].

        Returns:
            [B, L, S + 1]: the predicted states, and the logarithm of their expected distance from what comes.
        """
        before = torch.cat([states[:, :1], states[:, :-1]], dim=1)
        clock, places, far = gaps.cumsum(dim=1), *geometry(states)
        times = torch.log1p(torch.stack([gaps, ahead], dim=-1))
        hidden = self.dropout(self.state_input(torch.cat([states, states - before], dim=-1)))
        hidden = hidden + self.place_input(torch.cat([times, places], dim=-1))
        length = states.shape[1]
        positions = torch.arange(length, device=states.device)[None]
        seen = (positions[0][:, None] >= positions[0][None, :])[None, None]
        rotary = self.rotary(hidden, positions)
        for layer in self.layers:
            update = layer(hidden, attention_mask=seen, position_embeddings=rotary) - hidden
            hidden = hidden + self.dropout(update)
        hidden = self.norm(hidden)
        scores = self.query(hidden) @ self.key(hidden).transpose(1, 2) / math.sqrt(self.query.out_features)
        lags = torch.log1p((clock[:, :, None] - clock[:, None, :]).clamp(min=0.0))
        aims = torch.log1p(ahead)[:, :, None].expand(-1, -1, length)
        scores = scores + self.pair(torch.stack([lags, far, aims], dim=-1)).squeeze(-1)
        weights = scores.masked_fill(~seen[0], -1e4).softmax(dim=-1)
        mean = weights @ states
        predicted = states + torch.sigmoid(self.share(hidden)) * (mean - states) + self.change(hidden)
        error = self.error(hidden).clamp(-MAX_LOG_ERROR, MAX_LOG_ERROR)
        return torch.cat([predicted, error], dim=-1)

    @torch.no_grad()
    def _start_as_copy(self) -> None:
        """Begin near "nothing changes", from where a small training set has the shortest way to go."""
        for layer in (self.change, self.error, self.share):
            layer.weight.zero_()
            layer.bias.zero_()
        self.share.bias.fill_(-1.0)


def geometry(states: Tensor) -> tuple[Tensor, Tensor]:
    """How states, [B, L, S], lie to each other.

    Returns:
        For each state [B, L, PLACE_SIZE]: its distance from the one before and from the mean so far, the mean of the
        distances of neighbours so far, and the logarithm of how many states there are so far.
        The distances of all pairs, [B, L, L].
    """
    length = states.shape[1]
    counts = torch.arange(1, length + 1, device=states.device, dtype=states.dtype)
    squares = states.square().mean(dim=-1)
    products = states @ states.transpose(1, 2) / states.shape[-1]
    far = (squares[:, :, None] + squares[:, None, :] - 2 * products).clamp(min=1e-6).sqrt()
    mean = states.cumsum(dim=1) / counts[None, :, None]
    steps = torch.cat([torch.zeros_like(states[:, :1, 0]), distance(states[:, 1:], states[:, :-1])], dim=1)
    usual = steps.cumsum(dim=1) / counts.clamp(min=2.0).sub(1.0)
    known = torch.log1p(counts).expand(states.shape[0], -1)
    return torch.stack([steps, distance(mean, states), usual, known], dim=-1), far


def distance(predicted: Tensor, states: Tensor) -> Tensor:
    """Root mean square difference over the last dimension."""
    return (predicted - states).square().mean(dim=-1).clamp(min=1e-12).sqrt()
