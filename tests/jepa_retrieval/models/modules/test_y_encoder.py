"""Text towers: padding has no influence, and EmbeddingGemma is what `transformers` computes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from jepa_retrieval.models.config import BertConfig, GemmaConfig, TextTowerConfig, YEncoderConfig
from jepa_retrieval.models.modules.gemma import Gemma
from jepa_retrieval.models.modules.y_encoder import YEncoder

SIZES: dict[str, Any] = {"source": None, "tokenizer": "t", "vocabulary": 40, "width": 32, "heads": 2}
GEMMA = GemmaConfig(
    kind="embedding_gemma",
    **SIZES,
    layers=3,
    kv_heads=1,
    head_width=16,
    mlp_width=48,
    sliding_window=4,
    sliding_pattern=3,
)
BERT = BertConfig(kind="bert", **SIZES, layers=2, mlp_width=48)


@pytest.mark.parametrize("tower", [GEMMA, BERT], ids=["gemma", "bert"])
@pytest.mark.parametrize("pooling", ["mean", "first"])
def test_padding_has_no_influence(tower: TextTowerConfig, pooling: Any) -> None:
    torch.manual_seed(0)
    encoder = YEncoder(YEncoderConfig(tower=tower, pooling=pooling), embedding_size=12).eval()
    ids, mask = torch.randint(1, 40, (2, 9)), torch.ones(2, 9, dtype=torch.long)
    alone = encoder(ids[:, :5], mask[:, :5])
    mask[:, 5:] = 0
    assert torch.allclose(encoder(ids, mask), alone, atol=1e-5)
    assert not torch.allclose(encoder(ids[:, :5].flip(1), mask[:, :5]), alone, atol=1e-4)


def test_mean_pooling_then_head() -> None:
    encoder = YEncoder(YEncoderConfig(tower=BERT), embedding_size=12).eval()
    ids, mask = torch.randint(1, 40, (1, 4)), torch.tensor([[1, 1, 1, 0]])
    expected = encoder.head(encoder.tower(ids, mask)[0, :3].mean(dim=0))
    assert torch.allclose(encoder(ids, mask)[0], expected, atol=1e-6)


def test_an_mlp_head_starts_as_its_linear_layer() -> None:
    torch.manual_seed(0)
    config = YEncoderConfig(tower=BERT, head="mlp", head_hidden=6, dropout=0.5, hidden_dropout=0.5)
    encoder = YEncoder(config, embedding_size=12).eval()
    pooled = torch.randn(3, BERT.width)
    assert torch.equal(encoder.head(pooled), encoder.head.linear(pooled))
    torch.nn.init.ones_(encoder.head.mlp[-1].weight)
    assert not torch.allclose(encoder.head(pooled), encoder.head.linear(pooled), atol=1e-3)
    encoder.train()
    assert not torch.equal(encoder.head(pooled), encoder.head(pooled))


def test_gemma_is_what_transformers_computes(checkpoints: Path) -> None:
    """Its masks are made here; the architecture is bidirectional, with a window of 4 tokens in local layers."""
    from transformers import AutoModel

    reference = AutoModel.from_pretrained(checkpoints / "gemma").eval()
    tower = Gemma(GEMMA).eval()
    tower.model.load_state_dict(reference.state_dict())
    ids, mask = torch.randint(1, 40, (2, 12)), torch.ones(2, 12, dtype=torch.long)
    mask[0, 7:] = 0
    expected = reference(input_ids=ids, attention_mask=mask).last_hidden_state
    valid = mask.bool()
    assert torch.allclose(tower(ids, mask)[valid], expected[valid], atol=1e-6)
