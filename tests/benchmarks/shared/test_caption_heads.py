"""The losses by which heads learn from wrong captions."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.shared.caption_heads import member_loss, preference  # noqa: E402


def unit(*rows: list[float]) -> "torch.Tensor":
    return torch.nn.functional.normalize(torch.tensor(rows), dim=-1)


def loss(wrong: "torch.Tensor", other: "torch.Tensor") -> float:
    """Of two pictures, with a caption each, which are the axes; a wrong caption and another wording of the first."""
    pictures = captions = unit([1.0, 0, 0], [0, 1, 0])
    owned, first = torch.tensor([[0, 0], [1, 1]]), torch.tensor([0])
    return float(member_loss(pictures, [captions, wrong, other], owned, first, first))


def test_a_choice_costs_less_the_clearer_it_is() -> None:
    picture, right, wrong = unit([1.0, 0]), unit([1.0, 0.1]), unit([0.5, 1])
    assert preference(picture, right, wrong) < preference(picture, wrong, wrong)
    assert preference(picture, wrong, wrong) < preference(picture, wrong, right)


def test_a_wrong_caption_costs_more_the_nearer_it_is_to_its_picture() -> None:
    same = unit([1.0, 0, 0])
    assert loss(unit([0, 0, 1.0]), same) < loss(unit([1.0, 0, 0.1]), same)


def test_another_wording_costs_less_the_nearer_it_is_to_its_caption() -> None:
    wrong = unit([0.5, 0, 1.0])
    assert loss(wrong, unit([1.0, 0, 0.1])) < loss(wrong, unit([0.5, 0, 1.0]))


def test_texts_get_gradients_and_a_wrong_caption_is_pushed_away() -> None:
    wrong = unit([1.0, 0, 0.5]).requires_grad_()
    pictures = captions = unit([1.0, 0, 0], [0, 1, 0])
    owned, first = torch.tensor([[0, 0], [1, 1]]), torch.tensor([0])
    member_loss(pictures, [captions, wrong, captions[:1]], owned, first, first).backward()
    assert wrong.grad is not None and wrong.grad[0, 0] > 0  # down the gradient is away from the picture
