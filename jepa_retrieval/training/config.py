"""What a training run is: one TOML file, parsed strictly into these dataclasses.

The files in `recipes/` set every key and explain it; this module is the reference for names, types and defaults.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from jepa_retrieval.errors import UsageError
from jepa_retrieval.settings import read_settings

Stage = Literal["pretrain", "sft"]
SourceFormat = Literal[
    "captions", "jsonl", "webdataset", "classes", "tokens", "vqa", "daquar", "caption-questions"
]
QUESTION_FORMATS: tuple[SourceFormat, ...] = ("vqa", "daquar", "caption-questions")


@dataclass(frozen=True)
class ModelConfig:
    """Where the model starts. Which parts are frozen is written in the model's own config."""

    init: str  # a model folder, a name of `jepa models list`, or a model config (JSON), which is always fresh
    # "fresh": pretrained parts from the sources that the config names, random weights for all that is new.
    weights: Literal["trained", "fresh"] = "trained"


@dataclass(frozen=True)
class SourceConfig:
    """A set of examples on disk; docs/training.md describes each format."""

    name: str
    format: SourceFormat
    path: str  # the file or folder with the texts; for webdataset a brace pattern of shards
    media: str = ""  # folder of the images or videos; default: the folder of `path`
    names: str = ""  # file with one media name a line: only these are used
    share: float = 1.0  # share of every batch, relative to the other sources
    query: str = ""  # X_Q for texts that answer no question of their own
    templates: tuple[str, ...] = ("{}",)  # texts of a class; {} is its name
    hold_out: float = 0.0  # this fraction of the media, chosen by a hash of their names, is held out
    part: Literal["kept", "held-out"] = "kept"  # which side of `hold_out` to use
    max_answer_words: int = 0  # questions with longer answers are dropped; 0: none are
    limit: int = 0  # use only the first so many examples; 0: all


@dataclass(frozen=True)
class EvaluateConfig(SourceConfig):
    """A held-out source and what is measured on it."""

    task: Literal["retrieval", "answers", "classes"] = "retrieval"
    candidates: str = ""  # for "answers": training source whose targets are the candidates; "": all that ask


@dataclass(frozen=True)
class TokensConfig:
    """How visual tokens S_V reach the Predictor. The X-Encoder is frozen, so they are computed once."""

    mode: Literal["cache", "online"] = "cache"
    folder: str = "tokens"  # where caches lie; several runs may share it
    flip: bool = False  # cache the mirrored picture as a second view
    augmented: int = 0  # further views: random crops, mirrored or not, in other brightness and contrast
    batch_size: int = 16  # visuals that the X-Encoder sees at once
    workers: int = 2  # threads that decode media
    noise: float = 0.0  # in training, Gaussian noise added to S_V, in standard deviations of each channel


@dataclass(frozen=True)
class LossConfig:
    """The distance between Ŝ_Y and S_Y."""

    kind: Literal["infonce", "cosine", "l1", "l2"] = "infonce"
    temperature: float = 0.07  # at the start, if it is learnt
    learn_temperature: bool = True
    positives: int = 1  # texts drawn for one visual and query, all of them right
    same_text: Literal["merge", "separate"] = "merge"  # equal texts in a batch: one positive, or negatives
    label_smoothing: float = 0.0
    soft_target_weight: float = 0.0  # weight of targets that follow the similarity of the texts themselves
    soft_target_temperature: float = 0.05


@dataclass(frozen=True)
class OptimConfig:
    """AdamW and its schedule."""

    learning_rate: float = 5e-5
    y_encoder_multiplier: float = 0.05  # of the learning rate, for the pretrained body of the Y-Encoder
    weight_decay: float = 0.05
    beta1: float = 0.9
    beta2: float = 0.98
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    warmup_steps: int = 0  # for one-cycle: the rising part; 0: 30% of all steps
    clip_norm: float = 0.0  # 0: gradients are not clipped
    ema_decay: float = 0.0  # 0: no moving average of the weights

    def check_steps(self, steps: int, *, where: str) -> None:
        """Raise UsageError if a run of so many steps ends before the learning rate has risen."""
        if self.warmup_steps >= steps:
            raise UsageError(
                f"{where}: optim.warmup_steps = {self.warmup_steps} must be less than the run's steps, {steps}"
            )


@dataclass(frozen=True)
class PhaseConfig:
    """A part of the run with one batch shape."""

    name: str
    steps: int
    batch_size: int  # over all processes
    frames: int = 1
    micro_batch: int = 0  # visuals per forward pass in one process (cached gradients); 0: the whole batch
    sources: tuple[str, ...] = ()  # default: all


@dataclass(frozen=True)
class RunConfig:
    """Where the results go, and how often."""

    output: str
    seed: int = 0
    threads: int = 0  # of PyTorch; 0: its own choice
    precision: Literal["fp32", "bf16"] = "fp32"
    device: Literal["auto", "cpu", "cuda"] = "auto"  # "auto": $JEPA_DEVICE, else CUDA if there is one
    log_every: int = 50  # steps
    checkpoint_every: int = 500
    evaluate_every: int = 500
    best: str = ""  # "EVALUATION.METRIC" whose highest value chooses the model; "": the last


@dataclass(frozen=True)
class TrainConfig:
    """A whole run."""

    model: ModelConfig
    run: RunConfig
    phases: tuple[PhaseConfig, ...]
    sources: tuple[SourceConfig, ...]
    tokens: TokensConfig = field(default_factory=TokensConfig)
    loss: LossConfig = field(default_factory=LossConfig)
    optim: OptimConfig = field(default_factory=OptimConfig)
    evaluate: tuple[EvaluateConfig, ...] = ()

    @property
    def total_steps(self) -> int:
        """Steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def as_table(self) -> dict[str, Any]:
        """Plain dictionaries and lists, as stored in a checkpoint."""
        return dataclasses.asdict(self)


def load_config(path: Path, *, overrides: Sequence[str] = ()) -> TrainConfig:
    """Read a TOML file; relative paths in it are relative to its folder, ``$NAME`` comes from the environment.

    `overrides` are ``table.key=value`` with a TOML value, for instance ``optim.learning_rate=1e-4``.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{path}: not valid TOML: {error}") from error
    for override in overrides:
        _apply_override(table, override)
    config = read_settings(TrainConfig, table, where=path.name, error=UsageError)
    check(config, where=path.name)
    return _resolve_paths(config, base=path.resolve().parent)


def check(config: TrainConfig, *, where: str) -> None:
    """Raise UsageError for values that fit their type but not each other."""
    for title, parts in (("sources", config.sources), ("phases", config.phases)):
        if not parts:
            raise UsageError(f"{where}: at least one [[{title}]] is needed")
        names = [part.name for part in parts]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise UsageError(f"{where}: two [[{title}]] are named {twice[0]!r}")
    known = [source.name for source in config.sources]
    for phase in config.phases:
        for name in phase.sources:
            if name not in known:
                raise UsageError(
                    f"{where}: phase {phase.name!r}: no source {name!r}; there are {', '.join(known)}"
                )
        if phase.steps < 1 or phase.batch_size < 2 or phase.frames < 1 or phase.micro_batch < 0:
            raise UsageError(f"{where}: phase {phase.name!r}: needs steps >= 1, batch_size >= 2, frames >= 1")
    for source in (*config.sources, *config.evaluate):
        if not 0 <= source.hold_out < 1 or source.share <= 0:
            raise UsageError(f"{where}: source {source.name!r}: needs 0 <= hold_out < 1 and share > 0")
        if any("{}" not in template for template in source.templates):
            raise UsageError(f"{where}: source {source.name!r}: every template needs {{}} for the class name")
    _check_ranges(config, where=where)
    config.optim.check_steps(config.total_steps, where=where)
    asking = [source.name for source in config.sources]
    for part in config.evaluate:
        if part.candidates and part.candidates not in asking:
            raise UsageError(
                f"{where}: evaluate {part.name!r}: no source {part.candidates!r} to take candidates from"
            )
    evaluation, _, metric = config.run.best.partition(".")
    if config.run.best and (not metric or evaluation not in [part.name for part in config.evaluate]):
        raise UsageError(f"{where}: run.best must be EVALUATION.METRIC with the name of an [[evaluate]]")


def _check_ranges(config: TrainConfig, *, where: str) -> None:
    ranges = {
        "tokens.augmented": (config.tokens.augmented, 0, 1000),
        "tokens.batch_size": (config.tokens.batch_size, 1, 10**6),
        "tokens.workers": (config.tokens.workers, 1, 1000),
        "tokens.noise": (config.tokens.noise, 0.0, 100.0),
        "loss.label_smoothing": (config.loss.label_smoothing, 0.0, 0.999),
        "loss.soft_target_weight": (config.loss.soft_target_weight, 0.0, 1.0),
        "loss.temperature": (config.loss.temperature, 1e-4, 100.0),
        "loss.positives": (config.loss.positives, 1, 1000),
        "optim.learning_rate": (config.optim.learning_rate, 1e-12, 100.0),
        "optim.y_encoder_multiplier": (config.optim.y_encoder_multiplier, 0.0, 100.0),
        "optim.ema_decay": (config.optim.ema_decay, 0.0, 0.999999),
        "run.log_every": (config.run.log_every, 1, 10**9),
        "run.checkpoint_every": (config.run.checkpoint_every, 1, 10**9),
        "run.evaluate_every": (config.run.evaluate_every, 1, 10**9),
    }
    for name, (value, low, high) in ranges.items():
        if not low <= value <= high:
            raise UsageError(f"{where}: {name} = {value:g} is outside {low:g} to {high:g}")


def _apply_override(table: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    *parents, last = key.strip().split(".")
    if not equals or not last:
        raise UsageError(f"--set {override}: write table.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text  # a bare word is a text: --set loss.kind=cosine
    for parent in parents:
        # [[phases]] and the like are lists: phases.0.steps=10
        table = (
            table[int(parent)]
            if isinstance(table, list) and parent.isdigit()
            else table.setdefault(parent, {})
        )
        if not isinstance(table, dict | list):
            raise UsageError(f"--set {override}: {parent!r} is not a table")
    table[last] = value


def resolve_path(text: str, *, base: Path) -> str:
    """A path of a recipe: ``$NAME`` comes from the environment, a relative one begins at `base`; "" stays."""
    expanded = os.path.expandvars(text)
    unset = re.search(r"\$\{?(\w+)", expanded)
    if unset:
        raise UsageError(f"{text}: the environment variable {unset.group(1)} is not set")
    return str(base / Path(expanded).expanduser()) if expanded else ""


def _resolve_paths(config: TrainConfig, *, base: Path) -> TrainConfig:
    def resolve(text: str) -> str:
        return resolve_path(text, base=base)

    def resolve_source(source: Any) -> Any:
        paths = {key: resolve(getattr(source, key)) for key in ("path", "media", "names")}
        return dataclasses.replace(source, **paths)

    init = config.model.init
    as_path = resolve(init)
    return dataclasses.replace(
        config,
        # A model is a path or a registered name; only what is there is a path.
        model=dataclasses.replace(config.model, init=as_path if Path(as_path).exists() else init),
        run=dataclasses.replace(config.run, output=resolve(config.run.output)),
        tokens=dataclasses.replace(config.tokens, folder=resolve(config.tokens.folder)),
        sources=tuple(resolve_source(source) for source in config.sources),
        evaluate=tuple(resolve_source(source) for source in config.evaluate),
    )
