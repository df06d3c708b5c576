"""The two stages of VL-JEPA, from a config to a model folder.

Stage 1, `pretrain`: captions and class names without questions; images first, then video with more frames (phases).
Stage 2, `sft`: questions too, with a share of stage-1 data to prevent forgetting.
"""

from __future__ import annotations

import logging
import os
import shlex
import shutil
from pathlib import Path

import torch
from accelerate import PartialState

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.config import load_config as load_model_config
from jepa_retrieval.models.hub import NotFetchedError
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.registry import CONFIG_FILE, CONFIGS, list_models, trained_folder
from jepa_retrieval.models.runtime.device import choose_device
from jepa_retrieval.models.storage import initialise_model, read_model
from jepa_retrieval.training.config import QUESTION_FORMATS, ModelConfig, Stage, TrainConfig
from jepa_retrieval.training.distributed import group_for_long_waits, is_distributed, main_process_first
from jepa_retrieval.training.engine import Trainer, TrainReport
from jepa_retrieval.training.frozen import is_frozen
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.preparation import Prepared, prepare, read_examples
from jepa_retrieval.training.progress import OnProgress, ignore
from jepa_retrieval.training.recompute import recompute_layers

logger = logging.getLogger(__name__)


def train(
    config: TrainConfig, stage: Stage, *, restart: bool = False, on_progress: OnProgress | None = None
) -> TrainReport:
    """Run a stage to its end; a run that was killed continues from its checkpoint.

    Started by `accelerate launch` or `torchrun`, every process calls this with the same config.
    """
    check_stage(config, stage)
    state = PartialState(cpu=choose_device(config.run.device) == "cpu")
    trainer = build_trainer(config, stage, state, restart=restart, on_progress=on_progress)
    return trainer.run()


def build_trainer(
    config: TrainConfig,
    stage: Stage,
    state: PartialState,
    *,
    restart: bool = False,
    on_progress: OnProgress | None = None,
) -> Trainer:
    """Everything ready for the first step."""
    if is_distributed():
        group_for_long_waits()
    if config.run.threads:
        torch.set_num_threads(config.run.threads)
    torch.manual_seed(config.run.seed)
    examples = read_examples(config)
    output = Path(config.run.output)
    _prepare_output(output, restart=restart and state.is_main_process)
    learner = Learner(build_model(config.model), device=state.device)
    _check_loss(config, learner)
    if config.run.recompute:
        recompute_layers(learner.model)
    report = on_progress if on_progress is not None and state.is_main_process else ignore
    # The first process fills the caches, the others find them full.
    with main_process_first():
        prepared = prepare(config, examples, learner, report)
    _standardise_tokens(learner, prepared)
    if config.run.shard and is_distributed():
        learner.divide_layers()
    # Dropout must differ between processes; everything before must not.
    torch.manual_seed(config.run.seed * 1000 + state.process_index)
    return Trainer(config, stage, learner, prepared, state, report)


def build_model(config: ModelConfig) -> VLJEPA:
    """The model that a run starts with. Nothing is downloaded.

    Raises:
        UsageError: there is no model of that name, or not with the weights that the config asks for.
        ModelError: files are missing or damaged; of the hub's, the message says how to download them.
    """
    try:
        return _build_model(config)
    except NotFetchedError as error:
        command = shlex.join(["jepa", "models", "fetch", config.init])
        raise ModelError(f"{error}; to download what {config.init} needs: {command}") from error


def _build_model(config: ModelConfig) -> VLJEPA:
    path = Path(config.init)
    if path.suffix == ".json" and path.is_file():
        return initialise_model(load_model_config(path), base=path.parent)
    folder = path if path.is_dir() else trained_folder(config.init)
    if config.weights == "trained" and folder is not None:
        return read_model(folder)
    names = [model.name for model in list_models()]
    if not path.is_dir() and config.init not in names:
        raise UsageError(
            f"model.init: {config.init!r} is neither a model folder, nor a config file, nor one of {', '.join(names)}"
        )
    if config.weights == "trained":
        raise UsageError(
            f'model.init: {config.init} has no trained weights here; weights = "fresh" starts anew'
        )
    file = path / CONFIG_FILE if path.is_dir() else CONFIGS / f"{config.init}.json"
    return initialise_model(load_model_config(file), base=file.parent)


def check_stage(config: TrainConfig, stage: Stage) -> None:
    """Raise UsageError if the sources do not fit the stage."""
    asking = [source.name for source in config.sources if source.format in QUESTION_FORMATS]
    if stage == "pretrain" and asking:
        raise UsageError(f"source {asking[0]!r} asks questions: that is stage 2, `jepa train sft`")
    asking += [
        source.name for source in config.sources if source.query or source.format in ("jsonl", "tokens")
    ]
    if stage == "sft" and not asking:
        raise UsageError("no source asks questions: for captions alone use `jepa train pretrain`")
    if stage == "sft" and len(asking) == len(config.sources):
        logger.warning("no share of stage-1 data: the model may forget what it learnt there")


def _check_loss(config: TrainConfig, learner: Learner) -> None:
    """`UsageError` for a loss that only aligns while both sides are trained: all embeddings would become the same."""
    if config.loss.kind != "infonce" and not is_frozen(learner.model.y_encoder):
        raise UsageError(
            f'loss.kind = "{config.loss.kind}" needs a Y-Encoder that is frozen with its head: everything would get '
            'the same embedding. Set y_encoder.tower.frozen = true and y_encoder.head = "none" in the '
            'model\'s config, or loss.kind = "infonce"'
        )


def _standardise_tokens(learner: Learner, prepared: Prepared) -> None:
    """Give a fresh Predictor that standardises its input the statistics of the training set."""
    predictor = learner.model.predictor
    if not isinstance(predictor, Predictor):
        return
    for vision in (member.vision_input for member in predictor.members):
        is_fresh = vision.standardise and not vision.mean.any() and bool((vision.std == 1).all())
        if is_fresh:
            vision.fit(prepared.mean.to(learner.device), prepared.std.to(learner.device))


def _prepare_output(output: Path, *, restart: bool) -> None:
    try:
        output.mkdir(parents=True, exist_ok=True)
        if restart:
            for name in ("checkpoint.pt", "curves.csv", "curves.png"):
                (output / name).unlink(missing_ok=True)
            for name in ("best", "last"):
                shutil.rmtree(output / name, ignore_errors=True)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror or error})") from error
    if not os.access(output, os.W_OK):
        raise UsageError(f"{output}: cannot be written (permission denied)")
