import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.nn import functional

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.modules.ensemble import join_members, split_members
from jepa_retrieval.models.modules.predictor import Predictor
from tests.jepa_retrieval.models.small_configs import llama_predictor


@given(st.integers(1, 4), st.integers(1, 6), st.integers(0, 99))
def test_the_cosine_of_the_whole_is_the_mean_of_the_members(members: int, size: int, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    ours, theirs = torch.randn(2, members, 3, size, generator=generator, dtype=torch.float64)
    whole = functional.cosine_similarity(join_members(list(ours)), join_members(list(theirs)))
    assert torch.allclose(whole, functional.cosine_similarity(ours, theirs, dim=-1).mean(dim=0))


def test_each_member_has_its_own_dimensions_and_the_rest() -> None:
    learnt = join_members(list(torch.randn(3, 5, 4)))
    rest = functional.normalize(torch.randn(5, 2), dim=-1)
    alone = split_members(torch.cat([0.8 * learnt, 0.6 * rest], dim=-1), members=3, size=4)
    assert len(alone) == 3
    for embedding in alone:
        assert torch.allclose(embedding.norm(dim=-1), torch.ones(5), atol=1e-5)
        assert torch.allclose(embedding[:, 4:], 0.6 * rest)


@torch.no_grad()
def test_members_start_differently_and_share_the_query() -> None:
    torch.manual_seed(0)
    predictor = Predictor(llama_predictor(members=2), token_size=6, embedding_size=10).eval()
    tokens, ids, mask = torch.randn(3, 2, 6), torch.ones(3, 2, dtype=torch.long), torch.ones(3, 2)
    first, second = split_members(predictor(tokens, ids, mask), members=2, size=5)
    assert not torch.allclose(first, second, atol=0.1)
    assert sum("query_tokens" in name for name, _ in predictor.named_parameters()) == 1


def test_members_must_share_the_dimensions_evenly() -> None:
    with pytest.raises(ModelError, match=r"10 learnt dimensions, which cannot be divided among 3"):
        Predictor(llama_predictor(members=3), token_size=6, embedding_size=10)
    with pytest.raises(ModelError, match=r"predictor\.members is 0"):
        llama_predictor(members=0)
