"""The textual query X_Q as tokens for the Predictor."""

from __future__ import annotations

from collections.abc import Iterable

from torch import Tensor, nn

from jepa_retrieval.models.config import QueryTokensConfig, TokenTableConfig
from jepa_retrieval.models.modules.bert import Bert


class TokenTable(nn.Module):
    """Query tokens from an embedding table, as in the paper: [B, L] ids to [B, L, D]."""

    def __init__(self, config: TokenTableConfig) -> None:
        super().__init__()
        self.embedding = nn.Embedding(config.vocabulary, config.width)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Int [B, L] to float [B, L, D]; padding is masked where the tokens are attended to."""
        tokens: Tensor = self.embedding(ids)
        return tokens


def checkpoint_names(names: Iterable[str]) -> dict[str, str]:
    """Names in `TokenTable` to those in a Llama or BERT checkpoint, whose embedding table it takes."""
    tables = ("embed_tokens.weight", "embeddings.word_embeddings.weight")
    found = [name for name in names if name.endswith(tables)]
    return {"embedding.weight": found[0]} if found else {}


def build_query_tokens(config: QueryTokensConfig) -> TokenTable | Bert:
    """The module of the section `predictor.query_tokens`."""
    module = TokenTable(config) if isinstance(config, TokenTableConfig) else Bert(config)
    return module.requires_grad_(not config.frozen)
