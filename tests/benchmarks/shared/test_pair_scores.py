"""Networks that score pairs: what they learn from made pictures and captions that share a hidden meaning."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.shared.pair_scores import (  # noqa: E402 - needs PyTorch
    CaptionedPictures,
    Member,
    PairNetwork,
    Schedule,
    matching_loss,
    train_pairs,
)

PICTURES = 64


def made_pictures() -> CaptionedPictures:
    """Tokens and texts are two random views of one vector each; every picture has two captions."""
    random = torch.Generator().manual_seed(3)
    meaning = torch.randn(PICTURES, 8, generator=random)
    tokens = (meaning @ torch.randn(8, 24, generator=random))[:, None].half()
    owners = torch.arange(PICTURES).repeat(2)
    return CaptionedPictures("made", tokens, (meaning @ torch.randn(8, 12, generator=random))[owners], owners)


def test_trained_networks_rank_the_right_picture_first_for_most_texts() -> None:
    data = made_pictures()
    schedule = Schedule(steps=60, batch=48, negatives=2, learning_rate=3e-3)
    member, pairs = train_pairs([data], [1.0], schedule, seed=0)
    with torch.no_grad():
        seen, said = member.embed_pictures(data.tokens[:, 0]), member.embed_texts(data.texts)
        log_odds = pairs(seen[None], said[:, None])
    for scores in (said @ seen.T, log_odds):
        assert (scores.argmax(dim=1) == data.owners).float().mean() > 0.5  # 1/64 by chance


def test_the_same_seed_gives_the_same_networks() -> None:
    data, schedule = made_pictures(), Schedule(steps=2, batch=16)
    first, again = (train_pairs([data], [1.0], schedule, seed=5)[0] for _ in range(2))
    assert torch.equal(first.embed_texts(data.texts), again.embed_texts(data.texts))


def test_wrong_pairs_that_score_high_cost_more() -> None:
    data = made_pictures()
    member, pairs = Member(data.tokens[:, 0].float(), data.texts).eval(), PairNetwork().eval()
    with torch.no_grad():
        said = member.embed_texts(data.texts[:PICTURES])
        equal, opposite = said, -said
        scores = said @ equal.T
        right = matching_loss(pairs, equal, said, scores, negatives=2)
        wrong = matching_loss(pairs, opposite, said, scores, negatives=2)
    assert right < wrong
