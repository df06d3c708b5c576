"""Model names and what they stand for."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cache_root
from jepa_retrieval.models.config import ModelConfig, load_config
from jepa_retrieval.models.runtime.device import Device
from jepa_retrieval.models.runtime.model import RuntimeModel

if TYPE_CHECKING:
    from jepa_retrieval.models.modules.vl_jepa import VLJEPA

CONFIGS = Path(__file__).parent / "configs"
WEIGHTS = Path(__file__).parent / "weights"
CONFIG_FILE = "config.json"

LOCAL = "local:"
OPEN_CLIP = "open_clip:"
FORMS = (f"{LOCAL}FOLDER", f"{OPEN_CLIP}ARCHITECTURE/TAG", f"{OPEN_CLIP}ARCHITECTURE/FILE")


@dataclass(frozen=True)
class ListedModel:
    """A name that `load_model` knows."""

    name: str
    description: str
    ready: bool  # its own weights are on this machine


def list_models() -> list[ListedModel]:
    """The models that have a name of their own; any folder or open_clip model can be loaded besides."""
    return [
        ListedModel(path.stem, load_config(path).description, trained_folder(path.stem) is not None)
        for path in sorted(CONFIGS.glob("*.json"))
    ]


def load_model(name: str, *, device: Device = "auto") -> RuntimeModel:
    """A model by name. This is quick: its parts are made ready when they are first used.

    Args:
        name: a name that `list_models` gives, `local:FOLDER` (as `storage.write_model` writes it),
            `open_clip:ARCHITECTURE/TAG` or `open_clip:ARCHITECTURE/FILE`.
        device: "cpu", "cuda", or "auto": what $JEPA_DEVICE names, else CUDA where PyTorch can use it, else the CPU.

    Raises:
        ModelError: the name is unknown, or the model's weights are not here.
        UsageError: `device` is not one of the allowed values.
    """
    if name.startswith(OPEN_CLIP):
        return _load_open_clip(name, device)
    folder = _folder(name)
    config = dataclasses.replace(load_config(folder / CONFIG_FILE), name=name)
    return RuntimeModel(config, build=lambda: _read_model(folder), base=folder, device=device)


def model_config(name: str) -> ModelConfig:
    """The config of a model, whether or not its weights are here."""
    if name.startswith(OPEN_CLIP):
        from jepa_retrieval.models.open_clip import open_clip_config

        return open_clip_config(name)
    if name in _names():
        return load_config(CONFIGS / f"{name}.json")
    return load_config(_folder(name) / CONFIG_FILE)


def trained_folder(name: str) -> Path | None:
    """The folder of a named model's weights, which come with this package or were imported; None without them."""
    for folder in (WEIGHTS / name, cache_root() / "models" / name):
        if (folder / CONFIG_FILE).is_file():
            return folder
    return None


def _folder(name: str) -> Path:
    if name.startswith(LOCAL):
        folder = Path(name.removeprefix(LOCAL)).expanduser().resolve()
        if not (folder / CONFIG_FILE).is_file():
            raise ModelError(f"{name}: {folder} is not a model's folder (it has no {CONFIG_FILE})")
        return folder
    if name not in _names():
        raise ModelError(f"unknown model {name!r} (allowed: {', '.join((*_names(), *FORMS))})")
    trained = trained_folder(name)
    if trained is None:
        raise ModelError(
            f"the weights of {name} are not on this machine; `jepa models show {name}` says where they come from"
        )
    return trained


def _names() -> list[str]:
    return sorted(path.stem for path in CONFIGS.glob("*.json"))


def _read_model(folder: Path) -> VLJEPA:
    from jepa_retrieval.models.storage import read_model

    return read_model(folder)


def _load_open_clip(name: str, device: Device) -> RuntimeModel:
    from jepa_retrieval.models.open_clip import open_clip_config

    config = open_clip_config(name)

    def build() -> VLJEPA:
        from jepa_retrieval.models.storage import initialise_model

        return initialise_model(config)

    return RuntimeModel(config, build=build, base=Path(), device=device)
