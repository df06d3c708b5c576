"""Concepts: a picture's class probabilities as words."""

import pytest
import torch

from jepa_retrieval.models.config import (
    EFFICIENTNET_LITE_WIDTH,
    ConceptsConfig,
)
from jepa_retrieval.models.modules.concepts import Concepts, checkpoint_names, class_names
from jepa_retrieval.models.modules.predictor import Predictor
from tests.jepa_retrieval.models.small_configs import llama_predictor

SIZE = 2 * EFFICIENTNET_LITE_WIDTH + 3  # two towers' last maps, then channels that no classifier sees
CONFIG = ConceptsConfig(sources=("a", "b"), width=6, classes=4)


@pytest.fixture
def concepts() -> Concepts:
    torch.manual_seed(0)
    module = Concepts(CONFIG, width=8).eval()
    module.fit(torch.randn(4, 6))
    return module


@torch.no_grad()
def test_a_certain_class_gives_its_name(concepts: Concepts) -> None:
    """When every classifier is sure, the concept is the class's name embedding, projected."""
    for classifier in concepts.classifiers:
        classifier.weight.zero_()
        classifier.bias.copy_(torch.tensor([0.0, 0.0, 50.0, 0.0]))
    made = concepts(concepts.words(torch.randn(3, 2, SIZE)))
    assert made.shape == (3, 2, 8)
    assert torch.allclose(made, concepts.projection(concepts.names[2]).expand(3, 2, 8), atol=1e-5)


@torch.no_grad()
def test_undecided_classifiers_give_the_mean_of_the_names(concepts: Concepts) -> None:
    for classifier in concepts.classifiers:
        classifier.weight.zero_()
        classifier.bias.zero_()
    expected = concepts.projection(concepts.names.mean(dim=0))
    made = concepts(concepts.words(torch.randn(1, 1, SIZE)))
    assert torch.allclose(made[0, 0], expected, atol=1e-5)


def test_the_classifiers_stay_frozen(concepts: Concepts) -> None:
    concepts.train()(concepts.words(torch.randn(3, 1, SIZE))).sum().backward()
    assert all(parameter.grad is None for parameter in concepts.classifiers.parameters())
    assert concepts.projection.weight.grad is not None


def test_training_withholds_some_concepts_wholly() -> None:
    module = Concepts(ConceptsConfig(sources=("a",), width=6, classes=4, dropout=0.5), width=8)
    module.fit(torch.randn(4, 6))
    made = module.train()(module.words(torch.randn(200, 1, EFFICIENTNET_LITE_WIDTH)))
    withheld = torch.isclose(made, module.projection.bias.expand_as(made)).all(dim=2)
    assert 50 < withheld.sum() < 150


def test_a_predictor_sees_concepts_beside_its_tokens() -> None:
    torch.manual_seed(0)
    predictor = Predictor(llama_predictor(concepts=CONFIG), token_size=SIZE, embedding_size=3).eval()
    tokens, ids, mask = torch.randn(2, 5, SIZE), torch.ones(2, 3, dtype=torch.long), torch.ones(2, 3)
    without_names = predictor(tokens, ids, mask)
    assert predictor.vision_input.concepts is not None
    predictor.vision_input.concepts.fit(torch.randn(4, 6))
    assert not torch.allclose(predictor(tokens, ids, mask), without_names, atol=1e-3)
    filled = torch.cat([tokens, torch.ones(2, 2, SIZE)], dim=1)
    token_mask = torch.tensor([[1, 1, 1, 1, 1, 0, 0]] * 2)
    with_filling = predictor(filled, ids, mask, token_mask)
    assert torch.allclose(with_filling, predictor(tokens, ids, mask), atol=1e-5)


def test_new_layers_start_as_the_identity() -> None:
    config = llama_predictor(
        layers=2,
    )
    predictor = Predictor(config, token_size=10, embedding_size=3).eval()
    hidden = torch.randn(2, 4, 8)
    assert torch.allclose(predictor.attend(hidden, torch.ones(2, 4)), predictor.norm(hidden))


def test_names_of_classifiers_in_both_kinds_of_checkpoint() -> None:
    assert checkpoint_names(["_conv_stem.weight", "_fc.weight", "_fc.bias"]) == {
        "weight": "_fc.weight",
        "bias": "_fc.bias",
    }
    assert checkpoint_names(["classifier.weight"]) == {"weight": "classifier.weight"}


def test_imagenets_names_are_in_the_usual_order() -> None:
    names = class_names()
    assert len(names) == 1000
    assert (names[0], names[1], names[281], names[950]) == ("tench", "goldfish", "tabby", "orange")
