"""Targets and losses that come from another network's view of the pictures."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.shared.caption_networks import Form, Pictures, train  # noqa: E402 - needs PyTorch
from benchmarks.shared.picture_teachers import (  # noqa: E402
    Guide,
    Teachers,
    blended,
    guidance_loss,
    shared_targets,
    standardised,
    taught_targets,
)

pytestmark = pytest.mark.usefixtures("one_thread")
RIGHT = torch.eye(4)


def features(count: int, size: int = 6) -> torch.Tensor:
    random = torch.Generator().manual_seed(5)
    return torch.nn.functional.normalize(torch.randn(count, size, generator=random), dim=1)


def test_pictures_that_look_the_same_share_their_texts_equally() -> None:
    shown = torch.eye(4)
    shown[1] = shown[0]
    of_pictures, of_texts = shared_targets(RIGHT, shown, temperature=0.05)
    assert torch.allclose(of_pictures[0], torch.tensor([0.5, 0.5, 0.0, 0.0]), atol=1e-4)
    assert torch.allclose(of_pictures[2], RIGHT[2], atol=1e-4)
    assert torch.allclose(of_texts, of_pictures.T, atol=1e-4)


def test_a_picture_without_features_keeps_its_own_text_and_gives_none_away() -> None:
    shown = torch.ones(4, 1)
    shown[3] = torch.nan
    of_pictures, of_texts = shared_targets(RIGHT, shown, temperature=0.05)
    for targets in (of_pictures, of_texts):
        assert torch.allclose(targets[3], RIGHT[3])
        assert torch.allclose(targets[:3, :3], torch.full((3, 3), 1 / 3))


def test_what_a_teacher_does_not_know_stays_as_it_is() -> None:
    taught = torch.eye(4).roll(1, dims=0)
    taught[0] = torch.nan
    soft = taught_targets(Teachers(1, {}, torch.eye(4).half()), taught, torch.arange(4), RIGHT, 0.01)
    of_pictures, of_texts = blended([RIGHT, RIGHT], soft, 1.0)
    assert torch.allclose(of_pictures[0], RIGHT[0]) and torch.allclose(of_texts[0], RIGHT[0])
    assert torch.allclose(of_pictures[1:], torch.eye(4).roll(1, dims=0)[1:], atol=1e-4)
    assert torch.allclose(of_texts.sum(dim=1), torch.ones(4))


def test_relations_cost_least_where_they_are_those_of_the_features() -> None:
    shown, guide = features(8), Guide({}, relations=1.0)
    assert guidance_loss(guide, shown, shown, None).abs() < 1e-5
    assert guidance_loss(guide, shown, features(8).flip(0), None) > 0.1


def test_pictures_without_features_have_no_part_in_the_loss() -> None:
    shown, seen, predicted = features(8), features(8).roll(1, dims=1), features(8).flip(1)
    guide = Guide({}, relations=1.0, prediction=1.0)
    some = shown.clone()
    some[5:] = torch.nan
    expected = guidance_loss(guide, shown[:5], seen[:5], predicted[:5])
    assert torch.allclose(guidance_loss(guide, some, seen, predicted), expected)
    some[:] = torch.nan
    assert guidance_loss(guide, some, seen, predicted) == 0


def test_features_are_standardised_over_all_sources() -> None:
    found = standardised({"one": 3 + 2 * torch.randn(40, 5), "other": 3 + 2 * torch.randn(40, 5)})
    together = torch.cat(list(found.values()))
    assert torch.allclose(together.norm(dim=1), torch.ones(80))
    assert together.mean(0).abs().max() < 0.1


def test_a_network_learns_to_predict_the_features_of_its_pictures() -> None:
    count = 48
    random = torch.Generator().manual_seed(3)
    tokens = torch.randn(count, 1, 24, generator=random).half()
    texts = torch.randn(count, 12, generator=random)  # captions that say nothing
    wanted = torch.nn.functional.normalize(
        tokens[:, 0].float() @ torch.randn(24, 10, generator=random), dim=1
    )
    pictures = Pictures("made", tokens, torch.zeros(count, 1, 6), [(row, [row]) for row in range(count)])
    form = Form(seed=0, steps=40, guide=Guide({"made": wanted}, prediction=1.0))
    network = train([pictures], [count], texts, form)
    assert network.predicted is not None
    with torch.no_grad():
        found = network.predicted(network.see(tokens[:, 0].float(), pictures.concepts[:, 0]))
    cosines = torch.nn.functional.normalize(found, dim=1) @ wanted.T
    assert (cosines.argmax(dim=1) == torch.arange(count)).float().mean() > 0.4  # 0.02 by chance
