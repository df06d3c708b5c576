from pathlib import Path

import torch
from safetensors.torch import save_file

from jepa_retrieval.models.checkpoints import read_tensors
from jepa_retrieval.models.modules.int8_weights import pack, unpack


def test_large_matrices_come_back_nearly_as_they_were(tmp_path: Path) -> None:
    torch.manual_seed(0)
    spread = torch.logspace(-3, 3, 300)[:, None]
    state = {
        "large": torch.randn(300, 256) * spread,
        "small": torch.randn(3, 4),
        "vector": torch.randn(70_000),
    }
    save_file(pack(state), tmp_path / "w.safetensors")
    stored = read_tensors(tmp_path / "w.safetensors")
    assert stored["large"].dtype == torch.int8
    found = unpack(stored)
    assert found.keys() == state.keys()
    assert torch.equal(found["small"], state["small"]) and torch.equal(found["vector"], state["vector"])
    error = (found["large"] - state["large"]).abs()
    assert (error <= 0.004 * state["large"].abs().amax(dim=1, keepdim=True)).all()


def test_a_row_of_zeros_stays_zero() -> None:
    state = {"large": torch.zeros(300, 256)}
    assert torch.equal(unpack(pack(state))["large"], state["large"])
