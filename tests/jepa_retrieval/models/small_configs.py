"""Configs of small parts of a model, for tests."""

from typing import Any

from jepa_retrieval.models.config import GemmaConfig, LlamaPredictorConfig, TokenTableConfig


def token_table(*, width: int, vocabulary: int = 9, **changes: Any) -> TokenTableConfig:
    """A table of query tokens without stored weights."""
    sizes = {"tokenizer": "", "vocabulary": vocabulary, "width": width}
    return TokenTableConfig(kind="table", source=None, **(sizes | changes))


def llama_predictor(*, width: int = 8, **changes: Any) -> LlamaPredictorConfig:
    """A Predictor of one Llama layer with two heads, without stored weights; `changes` are fields of the config."""
    sizes = {
        "query_tokens": token_table(width=width),
        "layers": 1,
        "width": width,
        "heads": 2,
        "kv_heads": 2,
        "mlp_width": width,
        "rope_theta": 1e4,
    }
    return LlamaPredictorConfig(**({"kind": "llama", "source": None} | sizes | changes))


def gemma_tower(**changes: Any) -> GemmaConfig:
    """An EmbeddingGemma of two layers, without stored weights; `changes` are fields of the config."""
    sizes = {
        "tokenizer": "",
        "vocabulary": 100,
        "width": 64,
        "layers": 2,
        "heads": 2,
        "kv_heads": 1,
        "head_width": 32,
        "mlp_width": 96,
    }
    return GemmaConfig(**({"kind": "embedding_gemma", "source": None} | sizes | changes))
