"""The cost of a recipe: the memory of each phase in a process, the micro-batch that fits, and the time.

Memory in bytes, of one process with P of them sharing a batch of B:

    weights        4 for each parameter; 12 more for each trained one (gradient, AdamW), 4 more with a moving average;
                   with run.shard a P-th of that for divided layers, and the largest of them with its gradients
    tokens         those of the process's B / P visuals, in half precision
    activations    of one micro-batch, counted by `activations.count_step`
    loss           the embeddings of all processes and their gradients, and a block of logits

The X-Encoder's own memory is counted where its peak is the larger one. Against measured peaks on an H100
(docs/gpu.md) the sum is right to 3%. Time is operations over the rate of a matrix product times the share of it that
training reached.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config import ModelConfig, load_config
from jepa_retrieval.models.registry import CONFIGS
from jepa_retrieval.models.storage import CONFIG_FILE
from jepa_retrieval.training.activations import StepCost, count_step
from jepa_retrieval.training.config import PhaseConfig, TrainConfig
from jepa_retrieval.training.contrastive import MAX_BLOCK

TRAINING_SHARE = 0.33  # of the product's rate, measured on an H100 at 8 frames and 128 visuals
CONTEXT_BYTES = 1.0e9  # of CUDA and its libraries
FRAGMENTED = 1.03  # unusable share of PyTorch's memory
GATHERED = 12  # bytes for a parameter of a gathered layer: weight, gradient, and the copy that is sent
BLOCKS = 5  # floats for each logit of a block


@dataclass(frozen=True)
class Card:
    """A GPU."""

    name: str
    memory: float  # bytes
    rate: float  # operations a second of a bfloat16 matrix product


# The rates of the H100 and H200 are measured; those of the others are four fifths of their makers' figures.
CARDS = {
    card.name: card
    for card in (
        Card("h100", 85.0e9, 770e12),
        Card("h200", 150.8e9, 790e12),
        Card("a100-80", 85.0e9, 250e12),
        Card("a100-40", 42.4e9, 250e12),
        Card("l40s", 47.7e9, 290e12),
        Card("rtx4090", 25.3e9, 132e12),
    )
}


@dataclass(frozen=True)
class PhasePlan:
    """The cost of a phase in each process."""

    name: str
    frames: int
    tokens: int  # N of a visual
    share: int  # visuals of a step
    micro_batch: int
    weights: float  # bytes
    peak: float  # bytes at the recipe's micro-batch
    fits: bool
    largest: int  # micro-batch that fits, a power of two or the whole share; 0: none
    samples_per_second: float  # of all processes
    step_seconds: float
    seconds: float  # of the phase


def plan_recipe(config: TrainConfig, card: Card, *, processes: int, text_tokens: int = 64) -> list[PhasePlan]:
    """The phases of a recipe on a number of cards.

    Args:
        config: the recipe.
        card: of each process.
        processes: one for each card.
        text_tokens: of the longest text of a micro-batch.

    Raises:
        UsageError: a batch cannot be divided among the processes, or the recipe's model is unknown.
    """
    model = planned_model(config)
    costs: dict[int, StepCost] = {}
    plans = []
    for phase in config.phases:
        if phase.batch_size % processes:
            raise UsageError(
                f"phase {phase.name!r}: batch_size {phase.batch_size} is not a multiple of {processes} processes"
            )
        if phase.frames not in costs:
            costs[phase.frames] = count_step(
                model,
                frames=phase.frames,
                text_tokens=text_tokens,
                query_tokens=1,
                half=config.run.precision == "bf16",
            )
        plans.append(_plan(config, model, phase, costs[phase.frames], card, processes))
    return plans


def planned_model(config: TrainConfig) -> ModelConfig:
    """The config of the model that a recipe trains, whether or not its weights are here."""
    path = Path(config.model.init)
    if path.is_file():
        return load_config(path)
    if (path / CONFIG_FILE).is_file():
        return load_config(path / CONFIG_FILE)
    named = CONFIGS / f"{config.model.init}.json"
    if not named.is_file():
        raise UsageError(
            f"model.init: {config.model.init} is not here; --set model.init=vljepa plans for that model"
        )
    return load_config(named)


def _plan(
    config: TrainConfig, model: ModelConfig, phase: PhaseConfig, cost: StepCost, card: Card, processes: int
) -> PhasePlan:
    share = phase.batch_size // processes
    micro_batch = min(phase.micro_batch or share, share)
    peak = peak_bytes(config, model, cost, phase, micro_batch, processes)
    sizes = [2**power for power in range(int(math.log2(share)) + 1)] + [share]
    fitting = [size for size in sizes if _fits(peak_bytes(config, model, cost, phase, size, processes), card)]
    seconds = share * _operations(config, cost, is_split=micro_batch < share) / (card.rate * TRAINING_SHARE)
    return PhasePlan(
        name=phase.name,
        frames=phase.frames,
        tokens=round(cost.tokens / 2 / model.x_encoder.token_size),
        share=share,
        micro_batch=micro_batch,
        weights=_weights(config, cost, processes),
        peak=peak,
        fits=_fits(peak, card),
        largest=max(fitting, default=0),
        samples_per_second=phase.batch_size / seconds,
        step_seconds=seconds,
        seconds=seconds * phase.steps,
    )


def peak_bytes(
    config: TrainConfig,
    model: ModelConfig,
    cost: StepCost,
    phase: PhaseConfig,
    micro_batch: int,
    processes: int,
) -> float:
    """The peak memory of PyTorch on the device of one process during a step."""
    share = phase.batch_size // processes
    tokens = share * cost.tokens
    each, once = (
        (cost.recomputed, cost.recomputed_once) if config.run.recompute else (cost.kept, cost.kept_once)
    )
    activations = micro_batch * each + once
    encoding = config.tokens.batch_size * cost.encoding if config.tokens.mode == "online" else 0.0
    embeddings = 4.0 * model.embedding_size * (2 * phase.batch_size + 4 * share)
    loss = embeddings + 4.0 * BLOCKS * min(MAX_BLOCK, phase.batch_size**2 / processes)
    held = (
        4.0 * model.embedding_size * 4 * share
    )  # embeddings and their gradients, while activations are there
    return _weights(config, cost, processes) + tokens + max(activations + held, encoding, loss)


def _weights(config: TrainConfig, cost: StepCost, processes: int) -> float:
    each = 16 + (4 if config.optim.ema_decay else 0)
    if not config.run.shard or processes == 1:
        return float(each * cost.trained + 4 * cost.frozen)
    own = cost.trained - cost.divisible + cost.divisible / processes
    return each * own + 4 * cost.frozen + GATHERED * cost.largest_unit


def _operations(config: TrainConfig, cost: StepCost, *, is_split: bool) -> float:
    """Of a visual in a step: the networks go forward once, backward (two), once more for cached gradients, and for
    recomputed activations.
    """
    passes = 3 + is_split + config.run.recompute
    return passes * cost.forward + (cost.x_encoder if config.tokens.mode == "online" else 0.0)


def _fits(peak: float, card: Card) -> bool:
    return peak * FRAGMENTED + CONTEXT_BYTES <= card.memory
