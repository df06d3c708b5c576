"""What a recipe takes: against what a small model really takes, and against what an H100 measured."""

import dataclasses
import weakref
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

import jepa_retrieval.training
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import (
    LlamaPredictorConfig,
    ModelConfig,
    TokenTableConfig,
    VJepa2Config,
    YEncoderConfig,
)
from jepa_retrieval.models.modules.vl_jepa import VLJEPA, TextBatch
from jepa_retrieval.training.activations import count_step
from jepa_retrieval.training.config import LossConfig, OptimConfig, PhaseConfig, TrainConfig, read_config
from jepa_retrieval.training.grad_cache import backward
from jepa_retrieval.training.losses import joint_loss
from jepa_retrieval.training.optim import build_optimizer
from jepa_retrieval.training.plan import CARDS, peak_bytes, plan_recipe, planned_model
from jepa_retrieval.training.recompute import recompute_layers
from tests.jepa_retrieval.models.small_configs import gemma_tower

pytestmark = pytest.mark.long

RECIPES = Path(jepa_retrieval.training.__file__).parent / "recipes"
# Peaks in GB of full-size steps of two micro-batches on an H100, by recomputation, frames and micro-batch
# (`python -m benchmarks.gpu --sections training`).
H100 = {
    (False, 8, 16): 33.65,
    (False, 8, 32): 51.55,
    (True, 1, 64): 18.0,
    (True, 1, 256): 28.17,
    (True, 1, 1024): 68.8,
    (True, 8, 16): 17.99,
    (True, 8, 64): 28.2,
    (True, 8, 128): 41.79,
}


@pytest.fixture(scope="module")
def recipe() -> TrainConfig:
    return read_config(RECIPES / "pretrain.toml")


def small_model(layers: int, width: int) -> ModelConfig:
    """The paper's architecture with short layers."""
    table = TokenTableConfig(kind="table", source=None, tokenizer="", vocabulary=100, width=width)
    predictor = LlamaPredictorConfig(
        kind="llama",
        source="random weights, not the identity",
        query_tokens=table,
        layers=layers,
        width=width,
        heads=4,
        kv_heads=2,
        mlp_width=3 * width,
        rope_theta=500000.0,
    )
    tower = gemma_tower()
    return ModelConfig(
        name="small",
        description="",
        prompt="",
        embedding_size=32,
        frames_per_window=8,
        x_encoder=VJepa2Config(
            kind="vjepa2", source=None, image_size=128, frames=8, width=64, layers=1, heads=2
        ),
        predictor=predictor,
        y_encoder=YEncoderConfig(tower=tower),
    )


class LiveBytes(TorchDispatchMode):
    """Counts the bytes of all tensors that are alive, and the most there were."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.now = self.peak = 0
        self._alive: dict[int, weakref.ref[object]] = {}
        for tensor in (*module.parameters(), *module.buffers()):
            self._count(tensor)

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        found = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(found):
            if isinstance(tensor, torch.Tensor):
                self._count(tensor)
        return found

    def _count(self, tensor: torch.Tensor) -> None:
        storage = tensor.untyped_storage()
        key, size = storage._cdata, storage.nbytes()
        if key in self._alive:
            return

        def free(_: object) -> None:
            self.now -= size
            del self._alive[key]

        self._alive[key] = weakref.ref(storage, free)
        self.now += size
        self.peak = max(self.peak, self.now)


def measured_peak(config: ModelConfig, size: int, *, recompute: bool) -> float:
    """Bytes of the tensors that live at the greatest moment of a step of two micro-batches on this machine."""
    torch.manual_seed(0)
    model = VLJEPA(config)
    model.train()
    if recompute:
        recompute_layers(model)
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    optimizer = build_optimizer(parameters, model.y_encoder.tower, OptimConfig())
    live = LiveBytes(model)

    def embed(tokens: torch.Tensor, text: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        query = torch.ones(len(tokens), 1, dtype=torch.long)
        with torch.autocast("cpu", torch.bfloat16):
            predicted = model.predict(tokens, TextBatch(query, query))
            return predicted, model.encode_texts(TextBatch(text, torch.ones_like(text)))

    def loss(predicted: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
        ids = torch.arange(len(predicted))[:, None]
        return joint_loss(predicted.float(), targets[:, None].float(), ids, torch.tensor(10.0), LossConfig())

    with live:
        for _ in range(2):  # the optimizer's state is there from the second step on
            optimizer.zero_grad(set_to_none=True)
            chunks = [
                partial(embed, torch.randn(size, 256, 64).bfloat16(), torch.randint(100, (size, 16)))
                for _ in range(2)
            ]
            backward(chunks, loss)
            nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
    return float(live.peak)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize(("layers", "width", "size"), [(4, 128, 8), (6, 192, 4)])
def test_the_memory_of_small_models_is_forecast_to_a_tenth(
    recipe: TrainConfig, layers: int, width: int, size: int, recompute: bool
) -> None:
    config = small_model(layers, width)
    cost = count_step(config, frames=8, text_tokens=16, query_tokens=1, half=True)
    settings = dataclasses.replace(
        recipe,
        run=dataclasses.replace(recipe.run, recompute=recompute),
        tokens=dataclasses.replace(recipe.tokens, mode="cache"),
    )
    phase = PhaseConfig("phase", steps=1, batch_size=2 * size, frames=8, micro_batch=size)
    forecast = peak_bytes(settings, config, cost, phase, size, 1)
    assert forecast == pytest.approx(measured_peak(config, size, recompute=recompute), rel=0.1)


def test_the_full_size_is_forecast_as_an_h100_measured_it(recipe: TrainConfig) -> None:
    model = planned_model(recipe)
    costs = {
        frames: count_step(model, frames=frames, text_tokens=32, query_tokens=1, half=True)
        for frames in (1, 8)
    }
    for (recompute, frames, micro_batch), peak in H100.items():
        settings = dataclasses.replace(
            recipe,
            run=dataclasses.replace(recipe.run, recompute=recompute),
            tokens=dataclasses.replace(recipe.tokens, batch_size=1),
        )
        phase = PhaseConfig("phase", 1, 2 * micro_batch, frames, micro_batch)
        forecast = peak_bytes(settings, model, costs[frames], phase, micro_batch, 1) / 1e9
        assert forecast == pytest.approx(peak, rel=0.1)


def test_the_shipped_recipe_fits_eight_cards_of_80_gb(recipe: TrainConfig) -> None:
    plans = plan_recipe(recipe, CARDS["a100-80"], processes=8)
    assert [(plan.frames, plan.tokens) for plan in plans] == [(1, 256), (8, 1024), (32, 4096)]
    assert all(plan.fits and plan.largest >= plan.micro_batch for plan in plans)
    without = dataclasses.replace(recipe, run=dataclasses.replace(recipe.run, recompute=False))
    assert not any(plan.fits for plan in plan_recipe(without, CARDS["a100-80"], processes=8))


def test_a_batch_that_cannot_be_shared_is_named(recipe: TrainConfig) -> None:
    with pytest.raises(UsageError, match="not a multiple of 7 processes"):
        plan_recipe(recipe, CARDS["h100"], processes=7)
