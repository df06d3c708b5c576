"""The recipe of a training run: one TOML file, parsed strictly into these dataclasses.

The files in `recipes/` set every key and explain it; this module is the reference for names, types and defaults.
"""

from __future__ import annotations

import dataclasses
import os
import re
import tomllib
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from jepa_retrieval.errors import UsageError
from jepa_retrieval.models.config.ranges import Share, Temperature
from jepa_retrieval.settings import Within, read_settings
from jepa_retrieval.text_files import read_toml

Stage = Literal["pretrain", "sft"]
SourceFormat = Literal[
    "captions", "jsonl", "webdataset", "classes", "tokens", "vqa", "daquar", "caption-questions"
]
REMOTE_SCHEMES = (
    "https",
    "http",
    "s3",
    "gs",
    "az",
    "abfs",
    "hf",
)  # of fsspec, which opens them without a shell
QUESTION_FORMATS: tuple[SourceFormat, ...] = ("vqa", "daquar", "caption-questions")


MIN_TEMPERATURE = 0.01  # of a temperature that is learnt, as in CLIP: below it training becomes unstable

Count = Annotated[int, Within(0, 10**9)]
Interval = Annotated[int, Within(1, 10**9)]  # steps
BatchSize = Annotated[int, Within(1, 10**7)]
JointBatch = Annotated[int, Within(2, 10**7)]
MicroBatch = Annotated[int, Within(0, 10**7)]
Few = Annotated[int, Within(1, 1000)]
Views = Annotated[int, Within(0, 1000)]
Frames = Annotated[int, Within(1, 1024)]
Factor = Annotated[float, Within(0.0, 100.0)]
Part = Annotated[float, Within(0.0, 0.999999)]  # of a whole, of which something must remain
Limit = Annotated[float, Within(0.0, 1e9)]


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
    share: Annotated[float, Within(1e-9, 1e9)] = 1.0  # share of every batch, relative to the other sources
    query: str = ""  # X_Q for texts that answer no question of their own
    templates: tuple[str, ...] = ("{}",)  # texts of a class; {} is its name
    hold_out: Part = 0.0  # this fraction of the media, chosen by a hash of their names, is held out
    part: Literal["kept", "held-out"] = "kept"  # which side of `hold_out` to use
    max_answer_words: Count = 0  # questions with longer answers are dropped; 0: none are
    limit: Count = 0  # use only this many examples, the first; 0: all
    # webdataset: read the shards as a stream, for sets that are too large to list; needs tokens.mode = "online"
    stream: bool = False
    shuffle_buffer: Annotated[int, Within(1, 10**6)] = 1000  # samples that each reader of a stream shuffles


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
    augmented: Views = 0  # further views: random crops, mirrored or not, in other brightness and contrast
    batch_size: BatchSize = 16  # visuals that the X-Encoder sees at once
    workers: Few = 2  # threads that decode media
    noise: Factor = 0.0  # in training, Gaussian noise added to S_V, in standard deviations of each channel


@dataclass(frozen=True)
class LossConfig:
    """The distance between Ŝ_Y and S_Y."""

    kind: Literal["infonce", "cosine", "l1", "l2"] = "infonce"
    temperature: Temperature = 0.07  # at the start, if it is learnt
    learn_temperature: bool = True
    positives: Few = 1  # texts drawn for one visual and query, all of them right
    same_text: Literal["merge", "separate"] = "merge"  # equal texts in a batch: one positive, or negatives
    label_smoothing: Part = 0.0
    soft_target_weight: Share = 0.0  # weight of targets that follow the similarity of the texts themselves
    soft_target_temperature: Temperature = 0.05


@dataclass(frozen=True)
class OptimConfig:
    """AdamW and its schedule."""

    learning_rate: Annotated[float, Within(1e-12, 100.0)] = 5e-5
    y_encoder_multiplier: Factor = 0.05  # of the learning rate, for the pretrained body of the Y-Encoder
    weight_decay: Limit = 0.05
    beta1: Part = 0.9
    beta2: Part = 0.98
    schedule: Literal["constant", "cosine", "one-cycle"] = "constant"
    warmup_steps: Count = 0  # for one-cycle: the rising part; 0: 30% of all steps
    clip_norm: Limit = 0.0  # 0: gradients are not clipped
    ema_decay: Part = 0.0  # 0: no moving average of the weights

    def check_steps(self, steps: int, *, where: str) -> None:
        """Raise UsageError if a run of `steps` ends before the learning rate has risen."""
        if self.warmup_steps >= steps:
            raise UsageError(
                f"{where}: optim.warmup_steps = {self.warmup_steps} must be less than the run's steps, {steps}"
            )


@dataclass(frozen=True)
class PhaseConfig:
    """A part of the run with one batch shape."""

    name: str
    steps: Interval
    batch_size: JointBatch  # over all processes
    frames: Frames = 1
    micro_batch: MicroBatch = (
        0  # visuals per forward pass in one process (cached gradients); 0: the whole batch
    )
    sources: tuple[str, ...] = ()  # default: all


@dataclass(frozen=True)
class RunConfig:
    """Where the results go, and how often."""

    output: str
    seed: Count = 0
    threads: Annotated[int, Within(0, 4096)] = 0  # of PyTorch; 0: its own choice
    precision: Literal["fp32", "bf16"] = "fp32"
    device: Literal["auto", "cpu", "cuda"] = "auto"  # "auto": $JEPA_DEVICE, else CUDA if there is one
    log_every: Interval = 50  # steps
    checkpoint_every: Interval = 500
    evaluate_every: Interval = 500
    best: str = ""  # "EVALUATION.METRIC" whose highest value chooses the model; "": the last
    # Of several processes: each holds a part of every layer's weights, gradients and optimizer state (FSDP2).
    shard: bool = False
    recompute: bool = False  # activations of layers in the backward pass, instead of keeping them in memory


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


def load_config(
    path: Path, *, overrides: Sequence[str] = (), allow_remote: Collection[str] = ()
) -> TrainConfig:
    """Read a TOML file; relative paths in it are relative to its folder, ``$NAME`` comes from the environment.

    Args:
        path: the recipe.
        overrides: ``table.key=value`` with a TOML value, for instance ``optim.learning_rate=1e-4``.
        allow_remote: schemes of `REMOTE_SCHEMES` over which the recipe may read shards. The recipe itself, which may
            come from somebody else, cannot allow any.

    Raises:
        UsageError: names the file and the key at fault, and what is allowed.
    """
    for scheme in allow_remote:
        if scheme not in REMOTE_SCHEMES:
            raise UsageError(f"allow_remote: {scheme!r} is not one of {', '.join(REMOTE_SCHEMES)}")
    config = read_config(path, overrides=overrides)
    return _resolve_paths(config, base=path.resolve().parent, allow_remote=allow_remote)


def read_config(path: Path, *, overrides: Sequence[str] = ()) -> TrainConfig:
    """A recipe with its paths as written in it, to be inspected without its data."""
    table = read_toml(path)
    for override in overrides:
        apply_override(table, override)
    config = read_settings(TrainConfig, table, where=path.name, error=UsageError)
    check(config, where=path.name)
    return config


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
    for source in (*config.sources, *config.evaluate):
        if any("{}" not in template for template in source.templates):
            raise UsageError(f"{where}: source {source.name!r}: every template needs {{}} for the class name")
        _check_stream(source, config, where=where)
    _check_loss(config.loss, where=where)
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


def _check_stream(source: SourceConfig, config: TrainConfig, *, where: str) -> None:
    if not source.stream:
        return
    name = f"{where}: source {source.name!r}"
    if source.format != "webdataset" or isinstance(source, EvaluateConfig):
        raise UsageError(f'{name}: stream = true is for training sources of format = "webdataset"')
    if config.tokens.mode != "online":
        raise UsageError(f'{name}: stream = true needs tokens.mode = "online"')
    if source.limit:
        raise UsageError(f"{name}: a stream has no limit: name fewer shards")


def _check_loss(loss: LossConfig, *, where: str) -> None:
    if loss.kind == "infonce" and loss.learn_temperature and loss.temperature < MIN_TEMPERATURE:
        raise UsageError(
            f"{where}: loss.temperature = {loss.temperature:g} is below {MIN_TEMPERATURE:g}, the minimum of "
            "a temperature that is learnt (loss.learn_temperature = false allows it)"
        )


def apply_override(table: dict[str, Any], override: str) -> None:
    """Set `table.key=value`, a TOML value, in the table of a recipe; UsageError if it is not of that form."""
    key, equals, text = override.partition("=")
    *parents, last = key.strip().split(".")
    if not equals or not last:
        raise UsageError(f"--set {override}: write table.key=value")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (ValueError, RecursionError):
        value = text  # a bare word is a text: --set loss.kind=cosine
    place: Any = table
    for parent in parents:
        if isinstance(place, list):  # [[phases]] and the like: phases.0.steps=10
            if not parent.isdecimal() or int(parent) >= len(place):
                raise UsageError(f"--set {override}: {parent!r} is not a number of 0 to {len(place) - 1}")
            place = place[int(parent)]
        else:
            place = place.setdefault(parent, {})
        if not isinstance(place, dict | list):
            raise UsageError(f"--set {override}: {parent!r} is not a table")
    if not isinstance(place, dict):
        raise UsageError(f"--set {override}: {parents[-1]!r} is a list; write a number after it")
    place[last] = value


def resolve_path(text: str, *, base: Path) -> str:
    """A path of a recipe: ``$NAME`` comes from the environment, a relative one begins at `base`; "" stays."""
    expanded = os.path.expandvars(text)
    unset = re.search(r"\$\{?(\w+)", expanded)
    if unset:
        raise UsageError(f"{text}: the environment variable {unset.group(1)} is not set")
    return str(base / Path(expanded).expanduser()) if expanded else ""


def url_scheme(path: str) -> str | None:
    """`https` of `https://...`; None for a local path."""
    match = re.match(r"([A-Za-z][A-Za-z0-9+.-]*)://", path)
    return match[1].lower() if match else None


def resolve_shards(text: str, *, base: Path, allow_remote: Collection[str]) -> str:
    """A pattern of shards; UsageError for a command, chained protocols, or a scheme that the user did not allow."""
    expanded = os.path.expandvars(text)
    if "::" in expanded or expanded.startswith("pipe:"):
        raise UsageError(f"{text}: must be the path of tar files; commands and chained protocols are not run")
    scheme = url_scheme(expanded)
    if scheme is None:
        return resolve_path(text, base=base)
    if scheme not in REMOTE_SCHEMES:
        raise UsageError(
            f"{text}: {scheme}:// is not supported (a local path, or {', '.join(REMOTE_SCHEMES)})"
        )
    if scheme not in allow_remote:
        raise UsageError(
            f"{text}: this recipe reads data over {scheme}://; if you trust it, allow that: --allow-remote {scheme}"
        )
    return expanded


def _resolve_paths(config: TrainConfig, *, base: Path, allow_remote: Collection[str]) -> TrainConfig:
    def resolve(text: str) -> str:
        return resolve_path(text, base=base)

    def resolve_source(source: Any) -> Any:
        paths = {key: resolve(getattr(source, key)) for key in ("media", "names")}
        if source.format == "webdataset":
            paths["path"] = resolve_shards(source.path, base=base, allow_remote=allow_remote)
        else:
            paths["path"] = resolve(source.path)
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
