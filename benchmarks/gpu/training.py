"""Training steps of the full-size model: the largest micro-batch that fits, samples a second and memory.

A step is the product's: frames through the frozen X-Encoder, cached gradients over two micro-batches, InfoNCE,
clipped gradients, fused AdamW. Weights and frames are random, texts have 32 tokens.
"""

from __future__ import annotations

import gc
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.models import full_size, random_frames
from benchmarks.gpu.timing import peak_memory, seconds_of
from jepa_retrieval.models.modules.vl_jepa import VLJEPA, TextBatch
from jepa_retrieval.models.runtime.precision import cast_matrices
from jepa_retrieval.training.config import LossConfig, OptimConfig
from jepa_retrieval.training.grad_cache import backward
from jepa_retrieval.training.losses import joint_loss
from jepa_retrieval.training.optim import build_optimizer
from jepa_retrieval.training.recompute import recompute_layers

TEXT_TOKENS = 32
FRAMES = {1: (64, 1024), 8: (16, 512), 32: (4, 128)}  # first and last micro-batch that is tried


def run(facts: Facts) -> None:
    """With recomputed activations for each number of frames, then without for one."""
    torch.manual_seed(0)
    config = full_size(facts.smoke)
    with torch.device(facts.device):
        model = VLJEPA(config)
    model.train()
    model.x_encoder.requires_grad_(False)
    cast_matrices(model.x_encoder, torch.bfloat16)
    step = Step(model, facts.device)
    step(1, 2, micro_batches=1)  # gradients and the optimiser's state are there from now on
    facts.say(
        trained_parameters=sum(p.numel() for p in step.parameters),
        parameters=sum(p.numel() for p in model.parameters()),
        resident_gb=torch.cuda.memory_allocated() / 1e9 if facts.device == "cuda" else 0.0,
    )
    _sizes(facts, step, "kept", {8: FRAMES[8]} if not facts.smoke else {8: (2, 4)})
    facts.say(layers_recomputed=recompute_layers(model))
    _sizes(facts, step, "recomputed", FRAMES if not facts.smoke else {1: (2, 4), 8: (2, 4)})


def _sizes(facts: Facts, step: Step, title: str, wanted: dict[int, tuple[int, int]]) -> None:
    for frames, (size, last) in wanted.items():
        best = 0
        while size <= last and facts.seconds_left() > 12:
            seconds, peak, failed = _measured(step, frames, size, facts.device)
            if failed:
                facts.say(title, f"{frames} frames", f"micro-batch {size}", failed=failed)
                break
            best = size
            facts.say(
                title,
                f"{frames} frames",
                f"micro-batch {size}",
                samples_per_second=2 * size / seconds,
                step_seconds=seconds,
                peak_gb=peak / 1e9,
            )
            size *= 2
        facts.say(title, f"{frames} frames", largest=best)


def _measured(step: Step, frames: int, size: int, device: str) -> tuple[float, int, str]:
    try:
        peak = peak_memory(lambda: step(frames, size), device)
        return seconds_of(lambda: step(frames, size), device, repeats=1, warm_up=0), peak, ""
    except torch.OutOfMemoryError as error:
        failed = reason(error)
    gc.collect()
    torch.cuda.empty_cache()
    return 0.0, 0, failed


class Step:
    """One update of the weights."""

    def __init__(self, model: VLJEPA, device: str) -> None:
        self.model, self.device = model, device
        self.log_scale = nn.Parameter(torch.tensor(2.66, device=device))
        self.parameters = [p for p in (*model.parameters(), self.log_scale) if p.requires_grad]
        self.optimizer = build_optimizer(self.parameters, model.y_encoder.tower, OptimConfig())

    def __call__(self, frames: int, size: int, *, micro_batches: int = 2) -> None:
        """A batch of `micro_batches` times `size` visuals of `frames` frames."""
        self.optimizer.zero_grad(set_to_none=True)
        chunks: list[Callable[[], tuple[Tensor, Tensor]]] = []
        for _ in range(micro_batches):
            chunks.append(partial(self._embed, self._tokens(frames, size), self._texts(size)))
        ids = torch.arange(size * micro_batches, device=self.device)[:, None]

        def loss(predicted: Tensor, targets: Tensor) -> Tensor:
            targets = targets[:, None].float()
            return joint_loss(predicted.float(), targets, ids, self.log_scale.exp(), LossConfig())

        backward(chunks, loss)
        nn.utils.clip_grad_norm_(self.parameters, 1.0)
        self.optimizer.step()

    @torch.no_grad()
    def _tokens(self, frames: int, size: int) -> Tensor:
        side = self.model.config.x_encoder.image_size
        with torch.autocast(self.device, torch.bfloat16):
            return self.model.encode_frames(random_frames((size, frames, side, side), self.device)).bfloat16()

    def _texts(self, size: int) -> TextBatch:
        section = self.model.config.y_encoder.tower
        ids = torch.randint(section.vocabulary, (size, TEXT_TOKENS), device=self.device)  # type: ignore[union-attr]
        return TextBatch(ids, torch.ones_like(ids))

    def _embed(self, tokens: Tensor, texts: TextBatch) -> tuple[Tensor, Tensor]:
        none = torch.zeros((len(tokens), 1), dtype=torch.long, device=self.device)
        with torch.autocast(self.device, torch.bfloat16):
            predicted = self.model.predict(tokens, TextBatch(none, torch.ones_like(none)))
            return predicted, self.model.encode_texts(texts)
