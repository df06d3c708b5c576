"""What a second stage does to the order of made candidates."""

import pytest

torch = pytest.importorskip("torch")

from benchmarks.studies.second_stage import Candidates, recalls  # noqa: E402 - needs PyTorch


def test_a_text_whose_picture_is_not_among_the_candidates_is_a_miss() -> None:
    scores = torch.tensor([[0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.9, 0.8, 0.7]])
    right = torch.tensor([[True, False, False], [False, True, False], [False, False, False]])
    assert recalls(scores, right) == pytest.approx([100 / 3, 200 / 3, 200 / 3])


def test_the_picture_that_is_like_all_others_loses_by_its_hubness() -> None:
    hub = torch.tensor([[1.0, 1.0, 1.0]])
    predicted = torch.nn.functional.normalize(torch.cat([hub, torch.eye(3)]), dim=1)
    # Two texts find the hub a little better than the picture that is theirs.
    candidates = Candidates(
        "made",
        torch.tensor([[0.500, 0.499], [0.500, 0.499]]),
        torch.tensor([[0, 1], [0, 2]]),
        torch.tensor([[False, True], [False, True]]),
        predicted,
    )
    measured = list(candidates.without_training())
    assert [found for form, _, found in measured if form == "none"] == [[0.0, 100.0, 100.0]]
    assert all(found[0] == 100.0 for form, _, found in measured if form != "none")


def test_a_trained_second_stage_decides_by_its_weight() -> None:
    right = torch.tensor([[False, True]])
    candidates = Candidates("made", torch.tensor([[0.50, 0.40]]), torch.tensor([[0, 1]]), right, torch.eye(2))
    cosines, log_odds = torch.tensor([[0.0, 0.2]]), torch.tensor([[0.0, 0.0]])
    first = {
        (form, weight): found[0]
        for form, weight, found in candidates.trained(torch.stack([cosines, log_odds]))
    }
    assert first["member", "0.1"] == 0.0 and first["member", "0.8"] == 100.0
    assert first["pair network", "0.05"] == 0.0
