"""A token-generative captioner: the Predictor's layers, causal, over visual tokens and then words.

Dimension letters: B batch, N visual tokens, D their width, T words, W width, V vocabulary, H heads.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from jepa_retrieval.models.config import LlamaPredictorConfig, TokenTableConfig
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.sentences import END


class KeyValueCache(NamedTuple):
    """Keys and values of all positions so far, by layer: float [layers, B, H, positions, W / H]."""

    keys: Tensor
    values: Tensor

    def repeat(self, times: int) -> KeyValueCache:
        """Every row `times` times, one after the other."""
        return KeyValueCache(
            self.keys.repeat_interleave(times, dim=1), self.values.repeat_interleave(times, dim=1)
        )

    def rows(self, chosen: Tensor | slice) -> KeyValueCache:
        """Some of the rows."""
        return KeyValueCache(self.keys[:, chosen], self.values[:, chosen])


class TokenGenerator(nn.Module):
    """Visual tokens and the words so far to the logits of the next word. One table serves words in and out."""

    def __init__(self, config: LlamaPredictorConfig, *, token_size: int) -> None:
        """`config` must be causal, with as many key heads as heads and a trained table of its own width."""
        super().__init__()
        assert config.causal and isinstance(config.query_tokens, TokenTableConfig)
        assert config.kv_heads == config.heads and config.query_tokens.width == config.width
        self.body = Predictor(config, token_size=token_size, embedding_size=1)
        self.body.output_projection = nn.Identity()  # type: ignore[assignment]  # no embedding comes out
        nn.init.normal_(self.table.weight, std=0.02)

    @property
    def table(self) -> nn.Embedding:
        """The words' embeddings [V, W]."""
        table = self.body.query_tokens.embedding
        assert isinstance(table, nn.Embedding)
        return table

    @torch.no_grad()
    def start_from(self, embeddings: Tensor) -> None:
        """Initialise the table with a language model's word embeddings, float [V, W], at the table's scale."""
        centred = embeddings - embeddings.mean(dim=0)
        self.table.weight.copy_(0.02 * centred / centred.std())

    def forward(self, tokens: Tensor, ids: Tensor) -> Tensor:
        """Float [B, N, D] and int [B, T], `END` first, to logits [B, T, V] of the word after each."""
        vision = self.body.vision_input(tokens)
        hidden = torch.cat([vision, self.table(ids).to(vision.dtype)], dim=1)
        attended = self.body.attend(hidden, ids.new_ones(hidden.shape[:2]))
        return self._logits(attended[:, vision.shape[1] :])

    def loss(self, tokens: Tensor, ids: Tensor, lengths: Tensor) -> Tensor:
        """Cross-entropy of the words after the first; `ids` int [B, T + 1], `lengths` int [B] of those that count."""
        counted = torch.arange(ids.shape[1] - 1) < lengths[:, None]
        return functional.cross_entropy(self(tokens, ids[:, :-1])[counted].float(), ids[:, 1:][counted])

    @torch.no_grad()
    def begin(self, tokens: Tensor) -> KeyValueCache:
        """The cache of visual tokens [B, N, D]."""
        return self._run(self.body.vision_input(tokens), None)[1]

    @torch.no_grad()
    def advance(self, ids: Tensor, past: KeyValueCache) -> tuple[Tensor, KeyValueCache]:
        """More words [B, T] to logits [B, T, V] of the word after each, and the extended cache."""
        hidden, past = self._run(self.table(ids), past)
        return self._logits(hidden), past

    @torch.no_grad()
    def log_likelihood(self, past: KeyValueCache, ids: Tensor, lengths: Tensor) -> Tensor:
        """Mean log probability of the words of each row, float [B]: the negative logarithm of its perplexity."""
        logits, _ = self.advance(ids[:, :-1], past)
        chosen = logits.gather(2, ids[:, 1:, None]).squeeze(2).float()
        found = logits.float().logsumexp(dim=2) - chosen
        counted = torch.arange(ids.shape[1] - 1) < lengths[:, None]
        return -(found * counted).sum(dim=1) / lengths

    @torch.no_grad()
    def generate(self, past: KeyValueCache, *, max_tokens: int) -> list[list[int]]:
        """Greedy decoding: up to `max_tokens` token ids of each row, without the `END`."""
        rows = torch.arange(past.keys.shape[1])
        said: list[list[int]] = [[] for _ in rows]
        ids = torch.full((len(rows), 1), END)
        for _ in range(max_tokens):
            logits, past = self.advance(ids, past)
            best = logits[:, -1].argmax(dim=-1)
            going = best != END
            rows, best, past = rows[going], best[going], past.rows(going)
            for row, word in zip(rows.tolist(), best.tolist(), strict=True):
                said[row].append(word)
            if not len(rows):
                break
            ids = best[:, None]
        return said

    def _logits(self, hidden: Tensor) -> Tensor:
        return functional.linear(hidden, self.table.weight)

    def _run(self, hidden: Tensor, past: KeyValueCache | None) -> tuple[Tensor, KeyValueCache]:
        """As `Predictor.attend` without dropout, for positions [B, T, W] that follow the past."""
        first = 0 if past is None else past.keys.shape[3]
        length = hidden.shape[1]
        places = torch.arange(first, first + length)
        rotary = self.body.rotary(hidden, places[None])
        visible = torch.arange(first + length) <= places[:, None]
        keys, values = [], []
        layers: Any = self.body.layers  # of transformers, whose parts have no types
        for number, layer in enumerate(layers):
            attention = layer.self_attn
            normed = layer.input_layernorm(hidden)
            query, key, value = (
                projection(normed).unflatten(-1, (-1, attention.head_dim)).transpose(1, 2)
                for projection in (attention.q_proj, attention.k_proj, attention.v_proj)
            )
            query, key = apply_rotary_pos_emb(query, key, *rotary)
            if past is not None:
                key = torch.cat([past.keys[number], key], dim=2)
                value = torch.cat([past.values[number], value], dim=2)
            mixed = functional.scaled_dot_product_attention(query, key, value, attn_mask=visible)
            hidden = hidden + attention.o_proj(mixed.transpose(1, 2).flatten(2))
            hidden = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
            keys.append(key)
            values.append(value)
        return self.body.norm(hidden), KeyValueCache(torch.stack(keys), torch.stack(values))
