"""Model names and what they stand for."""

from __future__ import annotations

import dataclasses
import shutil
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.cache import cache_root
from jepa_retrieval.models.config import ModelConfig, load_config
from jepa_retrieval.models.hub import Repository
from jepa_retrieval.models.hub_needs import Need, is_here, needs_of
from jepa_retrieval.models.recommended import RECOMMENDED, OpenClipChoice
from jepa_retrieval.models.runtime.device import Device
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.models.speech import PREFIX as SPEECH
from jepa_retrieval.models.speech import speech_needs

if TYPE_CHECKING:
    from jepa_retrieval.models.fetching import FetchPlan, OnFetchProgress
    from jepa_retrieval.models.modules.vl_jepa import VLJEPA

OnFetchPlan = Callable[["FetchPlan"], None]

CONFIGS = Path(__file__).parent / "configs"
WEIGHTS = Path(__file__).parent / "weights"
CONFIG_FILE = "config.json"

LOCAL = "local:"
OPEN_CLIP = "open_clip:"
# Where the weights of named models come from that are neither in this package nor trained here.
CHECKPOINTS = {
    "open-vljepa": Need(Repository("cun-bjy/open-vljepa"), "Predictor and Y-Encoder", files=("best.pt",))
}
FORMS = (f"{LOCAL}FOLDER", f"{OPEN_CLIP}ARCHITECTURE/TAG", f"{OPEN_CLIP}ARCHITECTURE/FILE")


@dataclass(frozen=True)
class ListedModel:
    """A name that `load_model` knows."""

    name: str
    description: str
    ready: bool  # its own weights are on this machine
    state: str  # "ready", or what it takes to make it ready
    embedding_size: int
    parameters: float | None = None  # millions; this and what follows for open_clip's models
    image_size: int | None = None  # pixels
    imagenet: float | None = None  # zero-shot top-1, percent
    coco: float | None = None  # zero-shot text to image, recall@1, percent


def list_models() -> list[ListedModel]:
    """The models that have a name of their own, then a choice of open_clip's, from small to large.

    Any other open_clip model, and any model's folder, can be loaded besides.
    """
    named = [_listed(path.stem, load_config(path)) for path in sorted(CONFIGS.glob("*.json"))]
    return [*named, *(_listed_choice(choice) for choice in RECOMMENDED)]


def _listed(name: str, config: ModelConfig) -> ListedModel:
    ready = trained_folder(name) is not None
    missing = f"jepa models fetch {name}" if name in CHECKPOINTS else "to be trained: jepa train"
    return ListedModel(name, config.description, ready, "ready" if ready else missing, config.embedding_size)


def _listed_choice(choice: OpenClipChoice) -> ListedModel:
    text = (
        f"{choice.parameters:.0f}M parameters, {choice.embedding_size} dimensions, {choice.image_size} px; "
        f"ImageNet {choice.imagenet:.1f}, COCO text to image R@1 {choice.coco:.1f}"
        + ("" if choice.plain_tokenizer else "; a text search loads PyTorch")
    )
    ready = choice.is_here
    return ListedModel(
        choice.name,
        text,
        ready,
        "ready" if ready else f"jepa models fetch {choice.name}",
        choice.embedding_size,
        choice.parameters,
        choice.image_size,
        choice.imagenet,
        choice.coco,
    )


def load_model(name: str, *, device: Device = "auto") -> RuntimeModel:
    """A model by name. This is quick: its parts are made ready when they are first used.

    Nothing is downloaded, whatever an index or a config names: that is for `fetch_model` alone.

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


def model_needs(name: str) -> list[Need]:
    """What a model reads from the Hugging Face hub; for one without trained weights, what its training reads.

    Args:
        name: as for `load_model`, or as for `speech.open_recogniser`; or the path of a model's config (JSON) or
            folder.

    Raises:
        ModelError: the name is unknown.
    """
    if name.startswith(SPEECH):
        return speech_needs(name)
    config, is_trained = _described(name)
    checkpoint = [CHECKPOINTS[name]] if name in CHECKPOINTS and not is_trained else []
    return [*needs_of(config, is_trained=is_trained), *checkpoint]


def _described(name: str) -> tuple[ModelConfig, bool]:
    """A model's config, and whether its own weights are on this machine."""
    folder = trained_folder(name) if name in _names() else None
    if folder is not None:
        return load_config(folder / CONFIG_FILE), True
    path = Path(name).expanduser()
    if name not in _names() and path.suffix == ".json" and path.is_file():
        return load_config(path), False
    if name not in _names() and (path / CONFIG_FILE).is_file():
        return load_config(path / CONFIG_FILE), True
    return model_config(name), name.startswith(LOCAL)


def fetch_model(
    name: str,
    *,
    update: bool = False,
    on_plan: OnFetchPlan | None = None,
    on_progress: OnFetchProgress | None = None,
) -> bool:
    """Download what a model needs of the Hugging Face hub and is not on this machine.

    Args:
        name: as for `model_needs`.
        update: take the newest commit of every repository, also where another is on this machine.
        on_plan: called before a download with what is going to be downloaded; an error raised there prevents it.
        on_progress: called during a download.

    Returns:
        Whether anything was downloaded or made ready.

    Raises:
        ModelError: the name is unknown, or the hub's files cannot be had; the message says what to do.
    """
    from jepa_retrieval.models.fetching import fetch, plan_fetch

    needs = model_needs(name)
    complete = all(is_here(need) for need in needs) and not update
    if not complete:
        plan = plan_fetch(name, needs, update=update)
        complete = plan.is_complete
        if not complete and on_plan is not None:
            on_plan(plan)
        fetch(plan, on_progress=on_progress)
    return _import_checkpoint(name) or not complete


def _import_checkpoint(name: str) -> bool:
    """Turn a named model's checkpoint, once it is here, into a folder of the user's cache."""
    if name not in CHECKPOINTS or trained_folder(name) is not None:
        return False
    from jepa_retrieval.models.importers.open_vljepa import import_open_vljepa

    need = CHECKPOINTS[name]
    target = cache_root() / "models" / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f"{name}.new-", dir=target.parent) as draft:
        folder = Path(draft) / name
        import_open_vljepa(need.repository.require(need.files[0]), folder)
        shutil.rmtree(target, ignore_errors=True)  # of an earlier attempt
        folder.replace(target)
    return True


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


def weights_folder(name: str) -> Path | None:
    """The folder of a model's weights, named or `local:FOLDER`, whether or not it exists; None without weights."""
    return _local_folder(name) if name.startswith(LOCAL) else trained_folder(name)


def _local_folder(name: str) -> Path:
    return Path(name.removeprefix(LOCAL)).expanduser().resolve()


def _folder(name: str) -> Path:
    if name.startswith(LOCAL):
        folder = _local_folder(name)
        if not (folder / CONFIG_FILE).is_file():
            raise ModelError(f"{name}: {folder} is not a model's folder (it has no {CONFIG_FILE})")
        return folder
    if name not in _names():
        raise ModelError(f"unknown model {name!r} (allowed: {', '.join((*_names(), *FORMS))})")
    trained = trained_folder(name)
    if trained is None:
        raise ModelError(
            f"the weights of {name} are not on this machine; to download them: jepa models fetch {name}"
            if name in CHECKPOINTS
            else f"{name} is an architecture without trained weights: train it (jepa train, docs/training.md)"
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
