import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from jepa_retrieval.training.config import LossConfig
from jepa_retrieval.training.losses import first_occurrences
from tests.jepa_retrieval.training import joint_batch, long_work, shared_loss
from tests.jepa_retrieval.training.conftest import Recipe
from tests.jepa_retrieval.training.processes import run_together

pytestmark = pytest.mark.long


@pytest.mark.parametrize("shard", [False, True])
def test_two_processes_are_one_with_the_joint_batch(recipe: Recipe, tmp_path: Path, shard: bool) -> None:
    """All that couples rows: several positives, equal texts on both sides, cached gradients, a trained tower."""
    path = recipe(
        model="trainable.json",
        run=f'[run]\noutput = "run"\nthreads = 1\ndevice = "cpu"\nshard = {str(shard).lower()}',
        loss="[loss]\npositives = 2\nlabel_smoothing = 0.1",
        phases='[[phases]]\nname = "images"\nsteps = 2\nbatch_size = 40\nmicro_batch = 7',
    )
    done = run_together(joint_batch.__file__, path, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    several = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert [part["size"] for part in several] == [20, 20]
    assert all((len(part["divided"]) > 10) == shard for part in several)
    for name in several[0]["divided"]:  # each holds a part, none all of it
        assert sum(part["divided"][name] for part in several) == several[0]["gradients"][name].numel()
        assert max(part["divided"][name] for part in several) < several[0]["gradients"][name].numel()

    (tmp_path / "one").mkdir()
    joint_batch.write_gradients(path, tmp_path / "one")
    one = torch.load(tmp_path / "one" / "0.pt", weights_only=True)
    assert one["size"] == 40
    for part in several:
        assert torch.allclose(part["loss"], one["loss"], rtol=1e-5)
        assert part["gradients"].keys() == one["gradients"].keys() > {"log_scale", "y_encoder.head.weight"}
        for name, gradient in one["gradients"].items():
            if gradient is not None:
                assert torch.allclose(part["gradients"][name], gradient, rtol=1e-3, atol=1e-6), name
    assert max(g.abs().max() for g in one["gradients"].values() if g is not None) > 1e-3


def plain_loss(predicted: Tensor, targets: Tensor, ids: Tensor, scale: Tensor, config: LossConfig) -> Tensor:
    """InfoNCE with all logits in memory, in one process."""
    flat = ids.flatten()
    own = torch.arange(len(flat)).view_as(ids)
    columns = torch.arange(len(flat))
    positive = torch.zeros(len(predicted), len(flat), dtype=torch.bool).scatter_(1, own, True)
    if config.same_text == "merge":
        columns = first_occurrences(flat)
        positive = (ids[:, :, None] == flat[columns]).any(dim=1)
    features = targets.detach()
    similarity = features.mean(dim=1) @ features.flatten(0, 1)[columns].T / config.soft_target_temperature
    logits = scale * predicted @ targets.flatten(0, 1)[columns].T

    def cross_entropy(logits: Tensor, positive: Tensor, soft: Tensor) -> Tensor:
        wanted = positive.float() / positive.sum(dim=1, keepdim=True)
        weight = config.soft_target_weight
        wanted = (1 - weight) * wanted + weight * soft.softmax(dim=1)
        return nn.functional.cross_entropy(logits, wanted, label_smoothing=config.label_smoothing)

    return 0.5 * (
        cross_entropy(logits, positive, similarity) + cross_entropy(logits.T, positive.T, similarity.T)
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"same_text": "separate", "label_smoothing": 0.1},
        {"label_smoothing": 0.1, "soft_target_weight": 0.3, "soft_target_temperature": 0.1},
    ],
)
def test_four_processes_have_the_loss_and_gradients_of_all_logits(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    case = {"pairs": 48, "size": 16, "texts": 2, "settings": settings}
    parts = _run(case, tmp_path, processes=4)
    predicted, targets, ids, _ = shared_loss.joint_batch(case)
    predicted.requires_grad_()
    targets.requires_grad_()
    scale = torch.tensor(14.0, requires_grad=True)
    expected = plain_loss(predicted, targets, ids, scale, LossConfig(**settings))
    expected.backward()
    for part in parts:
        assert torch.allclose(part["loss"], expected, atol=1e-6)
        assert torch.allclose(part["scale"], scale.grad, atol=1e-6)
    for name, value in (("predicted", predicted.grad), ("targets", targets.grad)):
        assert torch.allclose(torch.cat([part[name] for part in parts]), value, atol=1e-6), name


def test_a_large_batch_has_its_logits_spread_over_the_processes(tmp_path: Path) -> None:
    pairs, processes = 24_576, 4
    parts = _run({"pairs": pairs, "size": 8, "texts": 1}, tmp_path, processes=processes)
    for part in parts:
        assert part["floats"] <= 1.2 * pairs**2 / processes
        assert torch.isfinite(part["loss"])


def _run(case: dict[str, Any], folder: Path, *, processes: int) -> list[dict[str, Tensor]]:
    done = run_together(shared_loss.__file__, json.dumps(case), folder, processes=processes, timeout=400)
    assert done.returncode == 0, done.stderr[-3000:]
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(processes)]


def test_a_process_may_work_alone_for_longer_than_operations_may_take(tmp_path: Path) -> None:
    done = run_together(long_work.__file__, tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert len(list(tmp_path.glob("finished *"))) == 2
