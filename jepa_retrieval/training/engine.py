"""The training loop: steps, evaluation, checkpoints."""

from __future__ import annotations

import logging
import math
import shutil
import time
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from accelerate import PartialState
from torch import Tensor, nn
from torch.utils.data import DataLoader, Subset

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.storage import write_weights
from jepa_retrieval.training.batches import Batch, PhaseBatches, PhaseParts, StreamStates
from jepa_retrieval.training.checkpoint import Checkpoint
from jepa_retrieval.training.config import MIN_TEMPERATURE, PhaseConfig, Stage, TrainConfig
from jepa_retrieval.training.curves import Curves
from jepa_retrieval.training.data.mixing import Mixer
from jepa_retrieval.training.distributed import average_gradients, wait_for_all
from jepa_retrieval.training.evaluate import evaluate
from jepa_retrieval.training.grad_cache import backward
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.losses import joint_loss
from jepa_retrieval.training.optim import WeightAverage, build_optimizer, build_schedule
from jepa_retrieval.training.preparation import Prepared, PreparedPhase
from jepa_retrieval.training.progress import OnProgress, TrainProgress, seconds_left
from jepa_retrieval.training.random_state import preserved_random_state, random_state, set_random_state
from jepa_retrieval.training.sharded_checkpoint import ShardedCheckpoint
from jepa_retrieval.training.sharding import clip_gradients, is_divided, whole_state

logger = logging.getLogger(__name__)

SECONDS_BETWEEN_PICTURES = 30.0


@dataclass(frozen=True)
class TrainReport:
    """The result of a finished run."""

    model: Path  # folder of the chosen model
    step: int  # at which it was taken
    metrics: dict[str, float]  # of that step, "EVALUATION.METRIC"
    seconds: float  # of training in this process
    samples_per_second: float


class Trainer:
    """One run, from its start or from its checkpoint."""

    def __init__(
        self,
        config: TrainConfig,
        stage: Stage,
        learner: Learner,
        prepared: Prepared,
        state: PartialState,
        on_progress: OnProgress,
    ) -> None:
        self.config, self.stage, self.learner, self.prepared = config, stage, learner, prepared
        self.processes, self.rank, self.is_main = (
            state.num_processes,
            state.process_index,
            state.is_main_process,
        )
        self.on_progress = on_progress
        self.output = Path(config.run.output)
        self.log_scale = nn.Parameter(
            torch.tensor(math.log(1 / config.loss.temperature), device=learner.device),
            requires_grad=config.loss.learn_temperature and config.loss.kind == "infonce",
        )
        self.named = {n: p for n, p in learner.model.named_parameters() if p.requires_grad}
        if self.log_scale.requires_grad:
            self.named["log_scale"] = self.log_scale
        self.optimizer = build_optimizer(self.named.values(), learner.model.y_encoder.tower, config.optim)
        self.schedule = build_schedule(self.optimizer, config.optim, steps=config.total_steps)
        decay = config.optim.ema_decay
        self.average = WeightAverage(self.named.values(), decay) if decay else None
        self._is_divided = any(is_divided(weight) for weight in self.named.values())
        self._checkpoint = (ShardedCheckpoint if self._is_divided else Checkpoint)(
            self.output,
            {"stage": stage, "processes": self.processes, **config.as_table()},
            weights=self.named,
            optimizer=self.optimizer,
            schedule=self.schedule,
            average=self.average,
        )
        self.step = 0
        self.best: dict[str, Any] = {"value": -math.inf, "step": 0, "metrics": {}}
        self._losses: list[Tensor] = []  # since the last row of the curves
        self._streams: StreamStates = {}  # where the streams of the current phase are
        self._resume()
        self.curves = Curves(self.output, keep_until=self.step)
        self._first_step, self._begin, self._samples = self.step, time.monotonic(), 0
        self._drawn = time.monotonic()

    # --- The loop -----------------------------------------------------------------------------------------

    def run(self) -> TrainReport:
        """Train to the end of the last phase."""
        self.learner.model.train()
        self._begin = time.monotonic()
        start = 0
        for index, phase in enumerate(self.prepared.phases):
            if self.step < start + phase.config.steps:
                self._run_phase(index, phase, start)
            start += phase.config.steps
            if self.step == start:
                self._streams = {}  # the next phase reads its sources anew
        seconds = time.monotonic() - self._begin
        return TrainReport(
            model=self.output / ("best" if self.config.run.best else "last"),
            step=self.best["step"] if self.config.run.best else self.step,
            metrics=dict(self.best["metrics"]),
            seconds=seconds,
            samples_per_second=self._samples / seconds if seconds else 0.0,
        )

    def _run_phase(self, index: int, phase: PreparedPhase, start: int) -> None:
        batches = self.batches(index)
        for parts in self._loaded(batches, phase.config, first=self.step - start):
            self._losses.append(self.train_step(parts, micro_batch=phase.config.micro_batch))
            for part in parts:
                self._streams |= part.streams
            self.step += 1
            self._samples += phase.config.batch_size
            self._after_step(phase.config)

    def _loaded(self, batches: PhaseBatches, phase: PhaseConfig, *, first: int) -> Iterator[list[Batch]]:
        """The parts of every batch from step `first` on; what has to be decoded comes from other processes."""
        # A generator of its own, so that making the loader draws nothing from the one that dropout uses.
        options: dict[str, Any] = {"batch_size": None, "generator": torch.Generator()}
        share = phase.batch_size // self.processes
        if not batches.is_decoded:
            for batch in DataLoader(Subset(batches, range(first, phase.steps)), **options):
                yield [batch]
            return
        size = min(phase.micro_batch or share, share)
        parts = PhaseParts(batches, size=size, share=share, readers=self.readers)
        options |= {
            "num_workers": self.config.tokens.workers,
            "pin_memory": self.learner.device.type == "cuda",
        }
        loader = DataLoader(Subset(parts, range(first * parts.parts, len(parts))), **options)
        of_step: list[Batch] = []
        for part in loader:
            of_step.append(part)
            if len(of_step) == parts.parts:
                yield of_step
                of_step = []

    @property
    def readers(self) -> int:
        """How many processes beside this one decode its batches."""
        return max(1, self.config.tokens.workers)

    def batches(self, index: int) -> PhaseBatches:
        """This process's batches of a phase, by their number in `config.phases`."""
        phase = self.prepared.phases[index]
        if phase.config.batch_size % self.processes:
            raise UsageError(
                f"phase {phase.config.name!r}: batch_size {phase.config.batch_size} is not a multiple of "
                f"{self.processes} processes"
            )
        seed = self.config.run.seed * 1000 + index
        mixer = Mixer(
            [None if source.stream else len(source.examples) for source in self.prepared.sources],
            [source.share for source in self.config.sources],
            active=phase.active,
            batch_size=phase.config.batch_size,
            seed=seed,
        )
        return PhaseBatches(
            self.prepared.sources,
            phase.banks,
            mixer,
            steps=phase.config.steps,
            positives=self.config.loss.positives,
            seed=seed,
            rank=self.rank,
            processes=self.processes,
            readers=self.readers,
            streams=self._streams,
        )

    def train_step(self, batch: Batch | Sequence[Batch], *, micro_batch: int = 0) -> Tensor:
        """One update of the weights; returns the loss of the joint batch, detached.

        Args:
            batch: this process's part of it, whole or in parts.
            micro_batch: visuals that go through the networks at once; 0: all of a part.
        """
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.backward(batch, micro_batch=micro_batch)
        parameters = list(self.named.values())
        if self.config.optim.clip_norm:
            clip_gradients(parameters, self.config.optim.clip_norm)
        self.optimizer.step()
        self.schedule.step()
        if self.log_scale.requires_grad:
            with torch.no_grad():
                self.log_scale.clamp_(max=math.log(1 / MIN_TEMPERATURE))
        if self.average is not None:
            self.average.update()
        return loss

    def backward(self, batch: Batch | Sequence[Batch], *, micro_batch: int = 0) -> Tensor:
        """Put the gradients of the joint batch into the weights; returns its loss, detached."""
        whole = [batch] if isinstance(batch, Batch) else batch
        parts = [self._with_tokens(part) for some in whole for part in some.split(micro_batch)]
        chunks = [partial(self._embed, part) for part in parts]
        target_ids = torch.cat([part.target_ids for part in parts]).to(self.learner.device)
        features = None
        if self.config.loss.soft_target_weight:
            features = nn.functional.normalize(
                torch.cat([self._text_features(part) for part in parts]), dim=-1
            )

        def loss(predicted: Tensor, targets: Tensor) -> Tensor:
            # A loss for each member of the Predictor: an ensemble is only better if its members are trained
            # separately.
            losses = [
                joint_loss(
                    of_member,
                    its_targets,
                    target_ids,
                    self.log_scale.exp(),
                    self.config.loss,
                    text_features=features,
                )
                for of_member, its_targets in zip(
                    self.learner.split_members(predicted.float()),
                    self.learner.split_members(targets.float()),
                    strict=True,
                )
            ]
            return torch.stack(losses).mean()

        value = backward(chunks, loss)
        average_gradients(list(self.named.values()))
        return value

    def _with_tokens(self, batch: Batch) -> Batch:
        """The same with its frames as visual tokens: the frozen X-Encoder sees them once, the other parts twice."""
        at_once = self.config.tokens.batch_size
        visuals = [
            part if part.is_floating_point() else self.learner.encode_frames(part, batch_size=at_once)
            for part in batch.visuals
        ]
        return replace(batch, visuals=visuals)

    def _embed(self, batch: Batch) -> tuple[Tensor, Tensor]:
        tokens = torch.cat([part.to(self.learner.device, torch.float32) for part in batch.visuals])
        if self.config.tokens.noise:
            tokens = tokens + self.config.tokens.noise * torch.randn_like(tokens) * self.prepared.std.to(
                tokens
            )
        with torch.autocast(
            self.learner.device.type, torch.bfloat16, enabled=self.config.run.precision == "bf16"
        ):
            predicted = self.learner.predict(tokens, batch.queries)
            targets = self.learner.embed_texts(batch.targets)
        return predicted, targets.view(*batch.target_ids.shape, -1)

    @torch.no_grad()
    def _text_features(self, batch: Batch) -> Tensor:
        return self.learner.text_features(batch.targets).view(*batch.target_ids.shape, -1).float()

    # --- Between steps ------------------------------------------------------------------------------------

    def _after_step(self, phase: PhaseConfig) -> None:
        run, last = self.config.run, self.step == self.config.total_steps
        if self.step % run.log_every == 0 or last:
            self._log(phase)
        if (self.step % run.evaluate_every == 0 or last) and (self.config.evaluate or last):
            self._evaluate(last=last)
        if self.step % run.checkpoint_every == 0 or last:
            self._save_checkpoint()

    def _log(self, phase: PhaseConfig) -> None:
        loss = torch.stack(self._losses).mean().item()
        self._losses.clear()
        if not math.isfinite(loss):
            raise UsageError(
                f"the loss became {loss} at step {self.step}: lower optim.learning_rate, or clip_norm"
            )
        elapsed = time.monotonic() - self._begin
        speed = self._samples / elapsed
        if not self.is_main:
            return
        values = {
            "loss": loss,
            "learning_rate": float(self.schedule.get_last_lr()[0]),
            "temperature": 1 / self.log_scale.exp().item(),
            "samples_per_second": speed,
        }
        self.curves.add(self.step, values)
        total, done = self.config.total_steps, self.step - self._first_step
        left = seconds_left(elapsed, done, total - self._first_step)
        self.on_progress(TrainProgress("train", phase.name, self.step, total, left, speed, {"loss": loss}))

    def _evaluate(self, *, last: bool) -> None:
        """Measure and keep the weights, or their average if there is one.

        The main process does it for all, unless the layers are divided: then they run in all processes or in none.
        """
        if self.is_main or self._is_divided:
            averaged = self.average.swapped() if self.average is not None else nullcontext()
            with averaged, preserved_random_state():
                metrics: dict[str, float] = {}
                for evaluation in self.prepared.evaluations:
                    found = evaluate(self.learner, evaluation)
                    metrics |= {f"{evaluation.config.name}.{key}": value for key, value in found.items()}
                self._keep(metrics, last=last)
        if self.is_main:
            if metrics:
                self.curves.add(self.step, metrics)
                self.on_progress(
                    TrainProgress("evaluate", "", self.step, self.config.total_steps, values=metrics)
                )
            if last or time.monotonic() - self._drawn > SECONDS_BETWEEN_PICTURES:
                self._drawn = time.monotonic()
                self.curves.draw()
        wait_for_all()

    def _keep(self, metrics: dict[str, float], *, last: bool) -> None:
        wanted = self.config.run.best
        if wanted and wanted not in metrics:
            raise UsageError(f"run.best: there is no {wanted!r}; there are {', '.join(metrics)}")
        if wanted and metrics[wanted] > self.best["value"]:
            self.best = {"value": metrics[wanted], "step": self.step, "metrics": metrics}
            self._save_model("best")
        if last:
            self._save_model("last")
            if not wanted:
                self.best["metrics"] = metrics

    def _save_model(self, name: str) -> None:
        """Write a folder that `storage.read_model` and ``local:`` load; a killed process leaves the old one."""
        model = self.learner.model
        if self.config.loss.kind == "infonce":
            model.config = replace(model.config, temperature=1 / self.log_scale.exp().item())
        state = whole_state(model, keep=self.is_main)
        if not self.is_main:
            return
        temporary, folder = self.output / f"{name}.new", self.output / name
        shutil.rmtree(temporary, ignore_errors=True)
        write_weights(model.config, state, temporary, base=model.base)
        shutil.rmtree(folder, ignore_errors=True)
        temporary.rename(folder)

    # --- State --------------------------------------------------------------------------------------------

    def _save_checkpoint(self) -> None:
        states: list[Any] = [(random_state(), self._streams)]
        if self.processes > 1:
            states = [None] * self.processes
            dist.all_gather_object(states, (random_state(), self._streams))
        if self.is_main or self._is_divided:
            losses = torch.stack(self._losses) if self._losses else torch.empty(0)
            random, streams = zip(*states, strict=True)
            self._checkpoint.save(
                self.step, random=random, best=self.best, losses=losses, streams=list(streams)
            )

    def _resume(self) -> None:
        state = self._checkpoint.resume()
        if state is None:
            return
        self.step, self.best = state["step"], state["extra"]["best"]
        self._losses = list(state["extra"]["losses"].to(self.learner.device))
        self._streams = state["extra"]["streams"][self.rank]
        set_random_state(state["random"][self.rank])
        logger.info("continuing from step %d", self.step)
