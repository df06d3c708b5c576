"""The Y-Decoder: an embedding to the tokens of a sentence, one after the other.

A small causal transformer. The embedding is added to every position, so that no layer has to carry it along.

Dimension letters: B batch, T positions, W width, E embedding size, V vocabulary.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from jepa_retrieval.models.config import YDecoderConfig


class YDecoder(nn.Module):
    """Tokens so far and an embedding to the logits of the next token. Input and output share one token table."""

    def __init__(self, config: YDecoderConfig, *, embedding_size: int) -> None:
        super().__init__()
        self.max_tokens = config.max_tokens
        self.condition = nn.Linear(embedding_size, config.width)
        self.tokens = nn.Embedding(config.vocabulary, config.width)
        self.positions = nn.Embedding(config.max_tokens, config.width)
        self.dropout = nn.Dropout(config.dropout)
        self.layers = nn.ModuleList(DecoderLayer(config) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))
        for table in (self.tokens, self.positions):
            nn.init.normal_(table.weight, std=0.02)
        # Unit vectors have small components: this scales them to the size of token embeddings.
        nn.init.normal_(self.condition.weight, std=0.05)

    def forward(self, embeddings: Tensor, ids: Tensor) -> Tensor:
        """Float [B, E] and int [B, T] to logits [B, T, V] of the token after each."""
        return self.logits(self.attend(embeddings, ids))

    def attend(self, embeddings: Tensor, ids: Tensor) -> Tensor:
        """The same as far as the last layer: [B, T, W]."""
        length = ids.shape[1]
        causal = torch.ones(length, length, dtype=torch.bool, device=ids.device).tril()
        positions = torch.arange(length, device=ids.device)
        hidden = self._enter(embeddings, ids, positions)
        for layer in self.layers:
            hidden, _ = layer(hidden, causal)
        return hidden

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., W] of the last layer to [..., V]."""
        return functional.linear(self.norm(hidden), self.tokens.weight, self.bias)

    def step(self, embeddings: Tensor, ids: Tensor, cache: Tensor, filled: Tensor) -> tuple[Tensor, Tensor]:
        """One more token, given the keys and values of those before it.

        Args:
            embeddings: float [B, E].
            ids: the last token of each row, int [B, 1].
            cache: keys and values by layer, float [B, 2 * layers, max_tokens, W].
            filled: how many positions of the cache count, int [1]; also the position of `ids`.

        Returns:
            Logits of the next token [B, V], and this position's keys and values [B, 2 * layers, W].
        """
        hidden = self._enter(embeddings, ids, filled)
        known = torch.arange(self.max_tokens, device=ids.device) < filled
        visible = torch.cat([known, known.new_ones(1)])[None]
        news = []
        for number, layer in enumerate(self.layers):
            hidden, new = layer(hidden, visible, past=(cache[:, 2 * number], cache[:, 2 * number + 1]))
            news += new
        return self.logits(hidden)[:, 0], torch.cat(news, dim=1)

    def _enter(self, embeddings: Tensor, ids: Tensor, positions: Tensor) -> Tensor:
        entered = self.tokens(ids) + self.positions(positions) + self.condition(embeddings)[:, None]
        dropped: Tensor = self.dropout(entered)
        return dropped


class DecoderLayer(nn.Module):
    """Causal attention, then an MLP; each normalises its input and adds to it."""

    def __init__(self, config: YDecoderConfig) -> None:
        super().__init__()
        self.heads = config.heads
        self.attention_norm = nn.LayerNorm(config.width)
        self.query_key_value = nn.Linear(config.width, 3 * config.width)
        self.attended = nn.Linear(config.width, config.width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(config.width),
            nn.Linear(config.width, config.mlp_width),
            nn.GELU(),
            nn.Linear(config.mlp_width, config.width),
        )
        self.dropout = nn.Dropout(config.dropout)

    def forward(
        self, hidden: Tensor, visible: Tensor, past: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        """Float [B, T, W] to the same, and the keys and values [B, T, W] of these positions.

        Args:
            hidden: of these positions.
            visible: which keys (columns; `past` first) each position (rows) sees, bool.
            past: keys and values of earlier positions, [B, P, W] each.
        """
        query, key, value = self.query_key_value(self.attention_norm(hidden)).chunk(3, dim=-1)
        keys, values = key, value
        if past is not None:
            keys, values = torch.cat([past[0], key], dim=1), torch.cat([past[1], value], dim=1)
        attended = functional.scaled_dot_product_attention(
            self._split(query), self._split(keys), self._split(values), attn_mask=visible
        )
        hidden = hidden + self.dropout(self.attended(attended.transpose(1, 2).flatten(2)))
        return hidden + self.dropout(self.mlp(hidden)), (key, value)

    def _split(self, tokens: Tensor) -> Tensor:
        """[B, T, W] to [B, heads, T, W / heads]."""
        return tokens.unflatten(-1, (self.heads, -1)).transpose(1, 2)
