"""How fast is the training loop on cached tokens, compared with the arithmetic alone?

    python -m benchmarks.speed.training_speed

Loop: `jepa train`'s own loop with tokens from disk, text features, sampling, logging. Limit: a plain PyTorch loop
with the same forward and backward pass and the same optimiser on one batch of random tensors that never leaves
memory. Both run alternately, and single steps are timed, so that other work on the machine affects both equally.
"""

from __future__ import annotations

import argparse
import itertools
import json
import logging
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from accelerate import PartialState

from benchmarks.shared.common import print_table, save_result
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.training.config import (
    ModelConfig,
    OptimConfig,
    PhaseConfig,
    RunConfig,
    SourceConfig,
    TokensConfig,
    TrainConfig,
)
from jepa_retrieval.training.engine import Trainer
from jepa_retrieval.training.progress import TrainProgress
from jepa_retrieval.training.stages import build_trainer

VISUALS = 1024
WORDS = (
    "man",
    "dog",
    "red",
    "blue",
    "ball",
    "runs",
    "jumps",
    "on",
    "in",
    "the",
    "grass",
    "water",
    "with",
    "two",
)
WARM_UP = 3  # steps that are not timed


def main() -> None:
    """Measure and print one table."""
    options = _arguments()
    logging.disable(logging.WARNING)
    torch.set_num_threads(options.threads)
    loop: list[float] = []
    limit: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        for turn in range(options.turns):
            clock = StepClock()
            config = _config(Path(name), options, turn)
            trainer = build_trainer(config, "pretrain", PartialState(cpu=True), on_progress=clock)
            trainer.run()
            loop += clock.step_seconds()
            limit += plain_loop(trainer, options.batch, options.steps)
    rows = [
        [title, *(f"{options.batch / seconds:,.0f}" for seconds in (statistics.median(steps), min(steps)))]
        for title, steps in (("the loop on cached tokens", loop), ("plain PyTorch, random tensors", limit))
    ]
    shares = [measure(limit) / measure(loop) for measure in (statistics.median, min)]
    rows.append(["share of the limit", *(f"{100 * share:.0f}%" for share in shares)])
    title = f"{options.model}, batch {options.batch}, {options.threads} threads"
    print_table([title, "samples/s, median step", "fastest step"], rows)
    result = {"loop": loop, "limit": limit, "shares": shares, "batch": options.batch}
    print(save_result("training_speed", result))


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument(
        "--model", default="nano", help="a name of `jepa models list` or a model config (JSON)"
    )
    parser.add_argument("--batch", type=int, default=512)
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--turns", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


class StepClock:
    """The time of every logged step."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def __call__(self, progress: TrainProgress) -> None:
        """Called by the loop after each step."""
        if progress.activity == "train":
            self.times.append(time.perf_counter())

    def step_seconds(self) -> list[float]:
        """Without the first steps."""
        times = self.times[WARM_UP:]
        return [after - before for before, after in itertools.pairwise(times)]


def _config(folder: Path, options: argparse.Namespace, turn: int) -> TrainConfig:
    source = folder / "source"
    if not source.exists():
        _make_source(source, options.model)
    return TrainConfig(
        model=ModelConfig(init=options.model, weights="fresh"),
        run=RunConfig(output=str(folder / f"run{turn}"), threads=options.threads, device="cpu", log_every=1),
        phases=(PhaseConfig(name="speed", steps=options.steps + WARM_UP + 1, batch_size=options.batch),),
        sources=(SourceConfig(name="random", format="tokens", path=str(source)),),
        tokens=TokensConfig(folder=str(folder / "tokens")),
        optim=OptimConfig(learning_rate=1e-4),
    )


def _make_source(folder: Path, model: str) -> None:
    """Random tokens of one frame each, with two captions of ordinary length."""
    from jepa_retrieval.models.config import load_config
    from jepa_retrieval.models.registry import model_config

    x_encoder = (load_config(model) if model.endswith(".json") else model_config(model)).x_encoder
    folder.mkdir()
    rng = np.random.default_rng(0)
    shape = (VISUALS, 2, x_encoder.tokens_per_frame, x_encoder.token_size)
    np.save(folder / "tokens.npy", rng.normal(size=shape).astype(np.float16))
    lines = []
    for row in range(VISUALS):
        texts = [" ".join(rng.choice(WORDS, 11)) for _ in range(2)]
        lines.append(json.dumps({"visual": row, "texts": texts}) + "\n")
    (folder / "examples.jsonl").write_text("".join(lines))


def plain_loop(trainer: Trainer, batch: int, steps: int) -> list[float]:
    """Seconds of each step of the arithmetic alone, on the trainer's own model and optimiser."""
    example = trainer.batches(0)[0]
    model, learner = trainer.learner.model.train(), trainer.learner
    predictor = model.predictor
    assert isinstance(predictor, Predictor)
    tokens = torch.randn_like(example.tokens.float())
    query = model.tokenise_queries(example.queries[:1])
    with torch.no_grad():
        query_tokens = predictor.query_tokens(*query).expand(batch, -1, -1).contiguous()
        mask = query.mask.expand(batch, -1).contiguous()
        features = learner.text_features(example.targets)
    own = torch.arange(batch)
    found = []
    for _ in range(steps + WARM_UP):
        began = time.perf_counter()
        predicted = F.normalize(predictor.predict(tokens, query_tokens, mask), dim=-1)
        targets = F.normalize(model.y_encoder.embed(features), dim=-1)
        losses = []
        members = zip(learner.split_members(predicted), learner.split_members(targets), strict=True)
        for of_member, its_targets in members:
            logits = trainer.log_scale.exp() * of_member @ its_targets.T
            losses.append((F.cross_entropy(logits, own) + F.cross_entropy(logits.T, own)) / 2)
        loss = torch.stack(losses).mean()
        trainer.optimizer.zero_grad(set_to_none=True)
        loss.backward()
        trainer.optimizer.step()
        found.append(time.perf_counter() - began)
    return found[WARM_UP:]


if __name__ == "__main__":
    main()
