"""Which dynamics model fits a model or an index."""

from __future__ import annotations

from pathlib import Path

from indexes import Index
from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.dynamics_files import (
    DYNAMICS_FILE,
    DynamicsHeader,
    read_header,
    read_whole,
)
from jepa_retrieval.models.fingerprint import fingerprint_of_x_encoder
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.registry import weights_folder
from jepa_retrieval.models.runtime.dynamics import DynamicsModel


def fingerprint_of_states(model: Model) -> str:
    """The fingerprint of what states are made of: the X-Encoder."""
    config = getattr(model, "config", None)
    return model.fingerprint("") if config is None else fingerprint_of_x_encoder(config)


def _own_dynamics(index: Index) -> DynamicsHeader:
    own = index.folder / DYNAMICS_FILE
    remedy = f"train it again: jepa train dynamics --index {index.folder}"
    try:
        header = read_whole(own)
    except ModelError as error:
        raise ModelError(f"{error}; {remedy}") from error
    if header.fingerprint != index.manifest.fingerprint:
        raise UsageError(f"{own}: was trained for other embeddings than the index now has; {remedy}")
    return header


def has_dynamics(model: Model, index: Index) -> bool:
    """Whether there are dynamics for an index, its own or its model's; `open_dynamics` may still refuse them."""
    shipped = weights_folder(model.name)
    folders = [index.folder, *([] if shipped is None else [shipped])]
    return any((folder / DYNAMICS_FILE).is_file() for folder in folders)


def open_dynamics(model: Model, *, index: Index | None = None, path: Path | None = None) -> DynamicsModel:
    """The dynamics model to use.

    Args:
        model: whose X-Encoder makes the states.
        index: whose own dynamics are used if it has any.
        path: a file that `jepa train dynamics` wrote, used before all others.

    Raises:
        UsageError: the file belongs to another X-Encoder, or there is none for this model.
        ModelError: the file cannot be read.
    """
    if path is not None:
        header = read_header(path)
        wanted = {fingerprint_of_states(model), index.manifest.fingerprint if index is not None else ""}
        if header.fingerprint not in wanted:
            raise UsageError(f"{path}: was trained on the states of another model or index than {model.name}")
        return DynamicsModel(header)
    if index is not None and (index.folder / DYNAMICS_FILE).is_file():
        return DynamicsModel(_own_dynamics(index))
    folder = weights_folder(model.name)
    if folder is not None and (shipped := folder / DYNAMICS_FILE).is_file():
        header = read_header(shipped)
        if header.fingerprint != fingerprint_of_states(model):
            raise ModelError(f"{shipped}: was trained for another X-Encoder than that of {model.name}")
        return DynamicsModel(header)
    raise UsageError(
        f"there are no dynamics for the model {model.name}: train them on an index with "
        "'jepa train dynamics --index DIR', or on folders of videos with 'jepa train dynamics RECIPE'"
    )
