"""The token generator: what it computes word by word is what it was trained to compute, and it can learn."""

import pytest
import torch
from torch.nn import functional

from benchmarks.controlled.generator import TokenGenerator
from jepa_retrieval.models.sentences import END
from tests.jepa_retrieval.models.small_configs import llama_predictor, token_table

pytestmark = pytest.mark.long

VOCABULARY = 12


@pytest.fixture
def generator() -> TokenGenerator:
    torch.manual_seed(0)
    config = llama_predictor(
        query_tokens=token_table(width=16, vocabulary=VOCABULARY, frozen=False),
        layers=2,
        width=16,
        mlp_width=32,
        causal=True,
        dropout=0.1,
    )
    module = TokenGenerator(config, token_size=8)
    for weight in module.parameters():  # new layers begin as the identity, which would hide mistakes
        if weight.ndim == 2:
            torch.nn.init.normal_(weight, std=0.3)
    return module.eval()


def test_words_one_by_one_give_what_all_at_once_give(generator: TokenGenerator) -> None:
    tokens, ids = torch.randn(3, 5, 8), torch.randint(1, VOCABULARY, (3, 6))
    with torch.no_grad():
        expected = generator(tokens, ids)
    past, found = generator.begin(tokens), []
    for place in range(6):
        logits, past = generator.advance(ids[:, place : place + 1], past)
        found.append(logits)
    torch.testing.assert_close(torch.cat(found, dim=1), expected, atol=1e-5, rtol=1e-5)


def test_a_word_sees_no_later_word(generator: TokenGenerator) -> None:
    tokens, ids = torch.randn(1, 5, 8), torch.tensor([[0, 3, 4, 5]])
    other = torch.tensor([[0, 3, 9, 2]])
    with torch.no_grad():
        same, changed = generator(tokens, ids), generator(tokens, other)
    torch.testing.assert_close(same[:, :2], changed[:, :2])
    assert not torch.allclose(same[:, 2], changed[:, 2])


def test_likelihood_is_the_mean_over_the_words_and_the_end(generator: TokenGenerator) -> None:
    tokens = torch.randn(2, 5, 8)
    ids = torch.tensor([[END, 3, 4, END, END], [END, 5, 6, 7, END]])
    found = generator.log_likelihood(generator.begin(tokens), ids, torch.tensor([3, 4]))
    with torch.no_grad():
        log_probabilities = functional.log_softmax(generator(tokens, ids[:, :-1]), dim=-1)
    words = [[3, 4, END], [5, 6, 7, END]]
    for row, sentence in enumerate(words):
        expected = torch.stack([log_probabilities[row, place, word] for place, word in enumerate(sentence)])
        assert found[row].item() == pytest.approx(expected.mean().item(), abs=1e-5)


def test_padding_changes_no_loss(generator: TokenGenerator) -> None:
    tokens, ids, lengths = torch.randn(2, 5, 8), torch.tensor([[END, 3, 4, END], [END, 5, 6, END]]), [3, 3]
    padded = functional.pad(ids, (0, 4), value=END)
    with torch.no_grad():
        plain, more = (generator.loss(tokens, words, torch.tensor(lengths)) for words in (ids, padded))
    torch.testing.assert_close(plain, more)


def test_pictures_are_told_apart_and_said(generator: TokenGenerator) -> None:
    tokens = torch.randn(4, 5, 8)
    sentences = [[2, 3], [4, 5, 6], [7], [8, 9, 10]]
    ids = torch.full((4, 5), END)
    for row, words in enumerate(sentences):
        ids[row, 1 : 1 + len(words)] = torch.tensor(words)
    lengths = torch.tensor([len(words) + 1 for words in sentences])
    optimizer = torch.optim.AdamW(generator.train().parameters(), lr=1e-2)
    for _ in range(150):
        optimizer.zero_grad()
        generator.loss(tokens, ids, lengths).backward()
        optimizer.step()
    past = generator.eval().begin(tokens)
    assert generator.generate(past, max_tokens=6) == sentences
    pairs = generator.log_likelihood(past.repeat(4), ids.repeat(4, 1), lengths.repeat(4)).view(4, 4)
    assert pairs.argmax(dim=1).tolist() == [0, 1, 2, 3]


def test_the_table_begins_as_the_words_are_known(generator: TokenGenerator) -> None:
    known = torch.randn(VOCABULARY, 16) * 5 + 1
    generator.start_from(known)
    weight = generator.table.weight.detach()
    assert weight.std().item() == pytest.approx(0.02, rel=1e-3)
    cosine = functional.cosine_similarity(weight, known - known.mean(dim=0))
    assert cosine.min().item() == pytest.approx(1.0, abs=1e-4)
