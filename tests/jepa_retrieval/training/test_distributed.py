import subprocess
import sys
from pathlib import Path

import torch

from tests.conftest import REPOSITORY
from tests.jepa_retrieval.training import joint_batch
from tests.jepa_retrieval.training.conftest import Recipe


def test_two_processes_are_one_with_the_joint_batch(recipe: Recipe, tmp_path: Path) -> None:
    """All that couples rows: several positives, equal texts on both sides, cached gradients, a trained tower."""
    path = recipe(
        model="trainable.json",
        loss="[loss]\npositives = 2\nlabel_smoothing = 0.1",
        phases='[[phases]]\nname = "images"\nsteps = 2\nbatch_size = 40\nmicro_batch = 7',
    )
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = [*torchrun, joint_batch.__file__, str(path), str(tmp_path)]
    done = subprocess.run(
        command, cwd=REPOSITORY, env=_environment(), capture_output=True, text=True, timeout=200
    )
    assert done.returncode == 0, done.stderr[-3000:]
    several = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    assert [part["size"] for part in several] == [20, 20]

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


def _environment() -> dict[str, str]:
    import os

    return {**os.environ, "PYTHONPATH": str(REPOSITORY), "OMP_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}
