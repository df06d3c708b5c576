"""bfloat16 inference against float32, with attention so sharp that wrong angles show."""

import logging

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from jepa_retrieval.models.config import (  # noqa: E402
    Llama3RopeConfig,
    VJepa2Config,
)
from jepa_retrieval.models.runtime.torch_graph import TorchGraph  # noqa: E402
from tests.jepa_retrieval.models.small_configs import gemma_tower, llama_predictor  # noqa: E402

POSITIONS = 4096
SHARPER = 10.0  # factor of the queries of attention


def sharpen(network: nn.Module, *names: str) -> None:
    """Attention with random weights is nearly even; trained attention has peaks."""
    with torch.no_grad():
        for name, parameter in network.named_parameters():
            if any(part in name for part in names):
                parameter *= SHARPER


class Layers(nn.Module):
    """The Predictor's layers over given tokens."""

    def __init__(self) -> None:
        super().__init__()
        from jepa_retrieval.models.modules.predictor import Member

        scaling = Llama3RopeConfig(
            factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_positions=8192
        )
        config = llama_predictor(
            source="random weights, not the identity",
            layers=2,
            width=128,
            kv_heads=1,
            mlp_width=256,
            rope_theta=500000.0,
            rope_scaling=scaling,
        )
        self.member = Member(config, token_size=128, embedding_size=64)
        sharpen(self, "q_proj.weight")

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Float [B, S, 128] to [B, S, 128]."""
        valid = torch.ones(tokens.shape[:2], dtype=torch.long)
        found: torch.Tensor = self.member.attend(tokens, valid)
        return found


def relative_error(network: nn.Module, *inputs: np.ndarray) -> float:
    """Of the tokens in bfloat16, in the length of those in float32."""
    with torch.no_grad():
        exact = network(*map(torch.from_numpy, inputs)).float().numpy()
    found = TorchGraph(network, "cpu", compiled=False)(*inputs)
    assert not np.array_equal(found, exact), "not computed in bfloat16"
    return float(np.linalg.norm(found - exact) / np.linalg.norm(exact))


@pytest.fixture
def random() -> np.random.Generator:
    """The same numbers and weights every time."""
    torch.manual_seed(0)
    return np.random.default_rng(0)


def test_llama_layers_at_4096_positions(random: np.random.Generator) -> None:
    tokens = random.standard_normal((1, POSITIONS, 128)).astype(np.float32)
    assert relative_error(Layers(), tokens) < 0.01  # 0.1 with the frequencies in bfloat16


def test_gemma_at_4096_positions(random: np.random.Generator) -> None:
    from jepa_retrieval.models.modules.gemma import Gemma

    config = gemma_tower(vocabulary=500, head_width=64, sliding_pattern=2, max_positions=POSITIONS)
    network = Gemma(config).eval()
    with torch.no_grad():  # norms stand between projections and attention: they set its sharpness
        for name, parameter in network.named_parameters():
            if "q_norm" in name:
                parameter += 4.0
    ids = random.integers(0, 500, (1, POSITIONS))
    assert relative_error(network, ids, np.ones_like(ids)) < 0.02


def test_vjepa2_with_eight_frames(random: np.random.Generator) -> None:
    from jepa_retrieval.models.modules.vjepa2 import VJepa2

    config = VJepa2Config(kind="vjepa2", source=None, image_size=128, frames=8, width=128, layers=4, heads=2)
    network = VJepa2(config).eval()
    sharpen(network, "query.weight", "key.weight")
    frames = random.integers(0, 256, (2, 8, 128, 128, 3), dtype=np.uint8)
    with torch.no_grad():
        exact = network(torch.from_numpy(frames)).numpy()
    found = TorchGraph(network, "cpu", compiled=False)(frames)
    cosine = (exact * found).sum(-1) / np.linalg.norm(exact, axis=-1) / np.linalg.norm(found, axis=-1)
    assert 1 - cosine.min() < 1e-3


def test_pixel_statistics_stay_float32(random: np.random.Generator) -> None:
    from jepa_retrieval.models.modules.frames import NormaliseFrames

    network = NormaliseFrames((123.675, 116.28, 103.53), (58.395, 57.12, 57.375), image_size=32)
    frames = random.integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    exact = network(torch.from_numpy(frames)).numpy()
    assert np.array_equal(TorchGraph(network, "cpu", compiled=False)(frames), exact)


class TwoLayers(nn.Module):
    """What is compiled: a list of layers that are alike."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.ModuleList(nn.Linear(4, 4) for _ in range(2))

    def forward(self, numbers: torch.Tensor) -> torch.Tensor:
        """Float [B, 4] to [B, 4]."""
        for layer in self.layers:
            numbers = layer(numbers)
        return numbers


def test_a_failing_compiler_is_named_once_and_the_module_runs(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, random: np.random.Generator
) -> None:
    def compile_(*_: object, **__: object) -> object:
        def fail(*_: object, **__: object) -> None:
            raise RuntimeError("no C compiler\nwith a long story")

        return fail

    monkeypatch.setattr(torch, "compile", compile_)
    network = TwoLayers()
    inputs = random.standard_normal((2, 4)).astype(np.float32)
    exact = network(torch.from_numpy(inputs)).detach().numpy()
    graph = TorchGraph(network, "cpu", dtype=torch.float32)
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert np.allclose(graph(inputs), exact)
    assert [record.getMessage() for record in caplog.records] == [
        "torch.compile failed, networks run uncompiled and slower: no C compiler"
    ]


def test_an_error_of_the_module_is_not_taken_for_one_of_the_compiler(random: np.random.Generator) -> None:
    graph = TorchGraph(TwoLayers(), "cpu", dtype=torch.float32)
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        graph(random.standard_normal((2, 5)).astype(np.float32))
