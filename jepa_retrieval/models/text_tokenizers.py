"""Which tokenizer the texts and the queries of a model go through."""

from __future__ import annotations

from pathlib import Path

from jepa_retrieval.models.config import LlamaPredictorConfig, ModelConfig, OpenClipTextConfig
from jepa_retrieval.models.sources import locate
from jepa_retrieval.models.tokenizer import TOKENIZER_FILE, TextTokenizer, Tokenise


def query_tokenizer(config: ModelConfig, *, base: Path) -> Tokenise | None:
    """The tokenizer of queries X_Q; None for a Predictor that ignores them.

    Args:
        config: the model's config.
        base: what relative paths in `config` are relative to.

    Raises:
        ModelError: the tokenizer's file is missing or damaged.
    """
    section = config.predictor
    if not isinstance(section, LlamaPredictorConfig):
        return None
    path = locate(section.query_tokens.tokenizer, TOKENIZER_FILE, base=base)
    return TextTokenizer(path, max_tokens=section.max_query_tokens)


def target_tokenizer(config: ModelConfig, *, base: Path) -> Tokenise:
    """The tokenizer of the Y-Encoder's texts; arguments and errors as in `query_tokenizer`."""
    section = config.y_encoder
    if isinstance(section.tower, OpenClipTextConfig):
        from jepa_retrieval.models.open_clip import OpenClipTokenizer

        return OpenClipTokenizer(section.tower.architecture)
    path = locate(section.tower.tokenizer, TOKENIZER_FILE, base=base)
    return TextTokenizer(path, max_tokens=section.max_tokens)
