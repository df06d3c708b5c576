"""The Predictor's attention: bidirectional, blind to padding, aware of the order of the query."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from jepa_retrieval.models.config import LlamaPredictorConfig, parse_config
from jepa_retrieval.models.modules.predictor import Predictor

Build = Callable[..., Predictor]


@pytest.fixture
def build(tiny_config: Callable[..., dict[str, Any]]) -> Build:
    def build(**changes: Any) -> Predictor:
        torch.manual_seed(1)
        section = parse_config(tiny_config(predictor=changes)).predictor
        assert isinstance(section, LlamaPredictorConfig)
        return Predictor(section, token_size=8, embedding_size=12).eval()

    return build


@pytest.fixture
def inputs() -> tuple[Tensor, Tensor, Tensor]:
    torch.manual_seed(2)
    return torch.randn(2, 5, 8), torch.randint(0, 40, (2, 6)), torch.ones(2, 6, dtype=torch.long)


def gradient_of_first_position(predictor: Predictor, inputs: tuple[Tensor, Tensor, Tensor]) -> Tensor:
    """How much each position [N + L] bears on the output of the layers at position 0."""
    tokens, ids, mask = inputs
    hidden = torch.cat([predictor.vision_input(tokens), predictor.query_tokens(ids, mask)], dim=1)
    hidden = hidden.detach().requires_grad_()
    valid = torch.ones(hidden.shape[:2], dtype=torch.long)
    predictor.attend(hidden, valid)[:, 0].square().sum().backward()
    assert hidden.grad is not None
    return hidden.grad.abs().amax(dim=(0, 2))


def test_every_position_attends_to_every_other(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    assert (gradient_of_first_position(build(), inputs) > 0).all()


def test_the_causal_ablation_looks_back_only(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    gradient = gradient_of_first_position(build(causal=True), inputs)
    assert gradient[0] > 0
    assert (gradient[1:] == 0).all()


@pytest.mark.parametrize("causal", [False, True])
def test_padding_has_no_influence(build: Build, inputs: tuple[Tensor, Tensor, Tensor], causal: bool) -> None:
    predictor = build(causal=causal)
    tokens, ids, mask = inputs
    alone = predictor(tokens, ids[:, :4], mask[:, :4])
    mask[:, 4:] = 0
    assert torch.allclose(predictor(tokens, ids, mask), alone, atol=1e-6)
    ids[:, 4:] = 7
    assert torch.allclose(predictor(tokens, ids, mask), alone, atol=1e-6)


def test_filling_visual_tokens_have_no_influence(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    predictor = build()
    tokens, ids, mask = inputs
    filled = torch.cat([tokens, 9.0 * torch.ones(2, 3, 8)], dim=1)
    token_mask = torch.tensor([[1] * 5 + [0] * 3] * 2)
    with_filling = predictor(filled, ids, mask, token_mask)
    assert torch.allclose(with_filling, predictor(tokens, ids, mask), atol=1e-6)


def test_the_order_of_the_query_matters(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    predictor = build()
    tokens, ids, mask = inputs
    assert not torch.allclose(predictor(tokens, ids.flip(1), mask), predictor(tokens, ids, mask), atol=1e-4)


def test_query_and_video_both_matter(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    predictor = build()
    tokens, ids, mask = inputs
    base = predictor(tokens, ids, mask)
    assert not torch.allclose(predictor(tokens, (ids + 1) % 40, mask), base, atol=1e-4)
    assert not torch.allclose(predictor(tokens + 1, ids, mask), base, atol=1e-4)


def test_extras_of_small_models(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    tokens, ids, mask = inputs
    predictor = build(vision_hidden=16, vision_norm=True, vision_positions=5, token_types=True)
    table = {"kind": "table", "source": None, "tokenizer": "t", "vocabulary": 40, "width": 10}
    assert predictor(tokens, ids, mask).shape == (2, 12)
    assert build(query_tokens=table)(tokens, ids, mask).shape == (2, 12)
    mean, std = torch.randn(8), torch.rand(8) + 0.5
    expected = predictor(tokens, ids, mask)
    predictor.vision_input.fit(mean, std)
    assert torch.allclose(predictor(tokens * std + mean, ids, mask), expected, atol=1e-5)


def test_dropout_acts_in_training_alone(build: Build, inputs: tuple[Tensor, Tensor, Tensor]) -> None:
    predictor = build(dropout=0.5, vision_dropout=0.2)
    assert torch.equal(predictor(*inputs), predictor(*inputs))
    predictor.train()
    assert not torch.equal(predictor(*inputs), predictor(*inputs))
