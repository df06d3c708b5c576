"""Train dynamics on an index, from its stored tokens, or on folders of videos."""

from __future__ import annotations

import errno
import logging
import os
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from indexes import IndexWriteError
from indexes.reasons import reason
from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media import ScanProblem, scan
from jepa_retrieval.media.kinds import reader_of
from jepa_retrieval.media.types import ReadReport
from jepa_retrieval.models.dynamics_files import DYNAMICS_FILE, save_dynamics
from jepa_retrieval.models.registry import load_model
from jepa_retrieval.settings import Within, read_settings
from jepa_retrieval.tasks.foreseeing.dynamics import fingerprint_of_states
from jepa_retrieval.tasks.foreseeing.states import DEFAULT_RATE, file_states, stored_states
from jepa_retrieval.tasks.indexing.failures import FileFailure
from jepa_retrieval.text_files import read_toml
from jepa_retrieval.training.config import apply_override, resolve_path
from jepa_retrieval.training.dynamics import DynamicsSettings, StateStream, train_dynamics
from jepa_retrieval.training.progress import OnProgress, TrainProgress

if TYPE_CHECKING:
    from indexes import Index

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class DynamicsRecipe:
    """Which videos to learn from; a TOML file."""

    media: tuple[str, ...]  # files and folders of videos
    output: str  # folder of the result
    model: str = "nano"  # whose X-Encoder makes the states
    rate: Annotated[float, Within(0.01, 60.0)] = DEFAULT_RATE  # windows per second
    train: DynamicsSettings = field(default_factory=DynamicsSettings)


@dataclass(frozen=True, slots=True)
class DynamicsReport:
    """What was trained."""

    path: Path  # the dynamics model
    videos: int
    windows: int
    held_out: int  # windows that it was calibrated on
    skill: float  # there: 1 - error / error of "nothing changes"
    failed: tuple[FileFailure, ...] = ()  # files that cannot be decoded, and why


def load_recipe(path: Path, *, overrides: Sequence[str] = ()) -> DynamicsRecipe:
    """Read a recipe; `$NAME` comes from the environment, relative paths start at its folder.

    Raises:
        UsageError: a key is unknown or its value not allowed.
    """
    table = read_toml(path)
    for override in overrides:
        apply_override(table, override)
    recipe = read_settings(DynamicsRecipe, table, where=path.name, error=UsageError)
    recipe.train.optim.check_steps(recipe.train.steps, where=path.name)
    base = path.resolve().parent
    return replace(
        recipe,
        media=tuple(resolve_path(one, base=base) for one in recipe.media),
        output=resolve_path(recipe.output, base=base),
    )


def train_on_index(
    index: Index, *, settings: DynamicsSettings | None = None, on_progress: OnProgress | None = None
) -> DynamicsReport:
    """Train on the stored tokens of an index, and store the result in its folder. No file is decoded.

    Raises:
        UsageError: the index keeps no tokens, or has too few clips.
        IndexWriteError: the folder cannot be written.
    """
    if not os.access(index.folder, os.W_OK):
        raise IndexWriteError(f"cannot write to {index.folder}: {os.strerror(errno.EACCES)}")
    streams = [StateStream(one.path, one.times, one.states) for one in stored_states(index)]
    trained = train_dynamics(streams, settings, on_progress=on_progress)
    path = index.folder / DYNAMICS_FILE
    try:
        save_dynamics(path, *trained[:4], fingerprint=index.manifest.fingerprint)
    except OSError as error:
        raise IndexWriteError(f"cannot write to {index.folder}: {reason(error)}") from error
    return _report(path, streams, trained.calibration.windows, trained.skill)


def train_on_files(recipe: DynamicsRecipe, *, on_progress: OnProgress | None = None) -> DynamicsReport:
    """Encode videos with a model's X-Encoder, train on them, and write `OUTPUT/dynamics.safetensors`.

    Raises:
        UsageError: a path does not exist, the output cannot be written, or there are too few videos.
    """
    output = Path(recipe.output)
    _make_folder(output)
    model = load_model(recipe.model)
    paths = _videos(recipe)
    streams, failed = [], []
    for number, path in enumerate(paths, start=1):
        try:
            read = ReadReport()
            seen = file_states(
                path, model, lambda tokens: tokens.astype("float16"), rate=recipe.rate, report=read
            )
            streams.append(StateStream(str(path), seen.times, seen.states))
            for missing in read.partial:
                logger.warning("%s: %s; the rest is used", path, missing)
        except UnreadableMediaError as error:
            logger.info("%s", error)
            failed.append(FileFailure(str(path), error.reason))
        if on_progress is not None:
            on_progress(TrainProgress("tokens", "videos", number, len(paths)))
    trained = train_dynamics(streams, recipe.train, on_progress=on_progress)
    try:
        save_dynamics(output / DYNAMICS_FILE, *trained[:4], fingerprint=fingerprint_of_states(model))
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror or error})") from error
    report = _report(output / DYNAMICS_FILE, streams, trained.calibration.windows, trained.skill)
    return replace(report, failed=tuple(failed))


def _make_folder(output: Path) -> None:
    """Make the folder of the result, before the work for it begins."""
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"{output}: cannot be written ({error.strerror or error})") from error
    if not os.access(output, os.W_OK):
        raise UsageError(f"{output}: cannot be written ({os.strerror(errno.EACCES)})")


def _videos(recipe: DynamicsRecipe) -> list[Path]:
    found = []
    for file in scan(list(recipe.media)):
        if isinstance(file, ScanProblem):
            logger.warning("%s: %s", file.path, file.reason)
        elif reader_of(file.path) == "video":
            found.append(file.path)
    if not found:
        raise UsageError(f"media: there is no video in {', '.join(recipe.media)}")
    return sorted(found)


def _report(path: Path, streams: list[StateStream], held_out: int, skill: float) -> DynamicsReport:
    windows = sum(len(stream.tokens) for stream in streams)
    return DynamicsReport(path, len(streams), windows, held_out, skill)
