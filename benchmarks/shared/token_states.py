"""What the frozen layers of a BERT-like text tower make of texts, token by token, and what its last layers add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from jepa_retrieval.models.modules.bert import Bert
from jepa_retrieval.models.modules.vl_jepa import VLJEPA

MAX_TOKENS = 40
ENCODED_AT_ONCE = 256


class States(NamedTuple):
    """Tokens of texts that are about equally long, and the rows that these texts have in a longer list."""

    rows: Tensor  # int64 [B]
    tokens: Tensor  # float32 [B, L, D]
    valid: Tensor  # bool [B, L]


class TokenStates:
    """Remembers the tokens before the last layers, float16 [L, D], and the mean after them, of every text once."""

    def __init__(self, model: VLJEPA, *, last_layers: int) -> None:
        """`last_layers`: how many layers are left for others to run."""
        tower = model.y_encoder.tower
        assert isinstance(tower, Bert)
        # The fused attention of PyTorch 2 takes longer backwards than all the rest of a layer, for short texts.
        tower.model.config._attn_implementation = "eager"
        self._model, self._bert = model, tower.model
        layers = list(tower.model.encoder.layer)
        self._lower, self.last = (
            layers[: len(layers) - last_layers],
            nn.ModuleList(layers[len(layers) - last_layers :]),
        )
        self._tokens: dict[str, Tensor] = {}
        self._means: dict[str, Tensor] = {}

    def means(self, texts: Sequence[str]) -> Tensor:
        """The frozen tower's pooled features, float32 [B, D]."""
        self._read(texts)
        return torch.stack([self._means[text] for text in texts])

    def in_chunks(self, texts: Sequence[str], *, size: int = ENCODED_AT_ONCE) -> list[States]:
        """Texts of about the same length together: little padding."""
        self._read(texts)
        order = sorted(range(len(texts)), key=lambda row: len(self._tokens[texts[row]]))
        found = []
        for start in range(0, len(order), size):
            rows = order[start : start + size]
            known = [self._tokens[texts[row]] for row in rows]
            lengths = torch.tensor([len(tokens) for tokens in known])
            padded = nn.utils.rnn.pad_sequence(known, batch_first=True).float()
            found.append(States(torch.tensor(rows), padded, torch.arange(padded.shape[1]) < lengths[:, None]))
        return found

    @torch.no_grad()
    def _read(self, texts: Sequence[str]) -> None:
        new = sorted({text for text in texts if text not in self._tokens}, key=len)
        for start in range(0, len(new), ENCODED_AT_ONCE):
            part = new[start : start + ENCODED_AT_ONCE]
            ids, mask = (array[:, :MAX_TOKENS] for array in self._model.tokenise_targets(part))
            valid = mask.bool()
            with torch.autocast("cpu", torch.bfloat16):
                hidden = run_layers(self._lower, self._bert.embeddings(input_ids=ids), valid)
                last = run_layers(self.last, hidden, valid)
            means, kept = mean_over(last.float(), valid), hidden.half()
            for text, tokens, mean, length in zip(part, kept, means, valid.sum(1).tolist(), strict=True):
                self._tokens[text], self._means[text] = tokens[:length].clone(), mean


def run_layers(layers: Sequence[nn.Module] | nn.ModuleList, hidden: Tensor, valid: Tensor) -> Tensor:
    """Layers of BERT over tokens [B, L, D] of which some, bool [B, L], are no padding."""
    mask = torch.zeros(valid.shape, dtype=torch.float32).masked_fill(~valid, -1e4)[:, None, None, :]
    for layer in layers:
        output = layer(hidden, mask)
        hidden = output[0] if isinstance(output, tuple) else output
    return hidden


def mean_over(tokens: Tensor, valid: Tensor) -> Tensor:
    """[B, L, D] to [B, D], without padding."""
    weights = valid[..., None].to(tokens.dtype)
    return (tokens * weights).sum(1) / weights.sum(1)
