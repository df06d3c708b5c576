"""A model's weights in and out of its folder: every tensor is read from exactly one place.

Frozen parts that name a source are referenced and read from there; all other tensors lie in `model.safetensors`.
"""

from __future__ import annotations

import dataclasses
import logging
import os
import shutil
from collections.abc import Mapping
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from torch import Tensor

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors
from jepa_retrieval.models.config import (
    ModelConfig,
    OpenClipImageConfig,
    OpenClipTextConfig,
    load_config,
    save_config,
)
from jepa_retrieval.models.fingerprint import digest_of_files, is_remote
from jepa_retrieval.models.modules.int8_weights import pack, unpack
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.old_names import with_new_tensors
from jepa_retrieval.models.pretrained import PretrainedPart, pretrained_parts
from jepa_retrieval.models.sources import locate
from jepa_retrieval.models.tokenizer import TOKENIZER_FILE

_log = logging.getLogger(__name__)

CONFIG_FILE = "config.json"
WEIGHTS_FILE = "model.safetensors"
ANSWERS_FILE = "answers.txt"


def initialise_model(config: ModelConfig, *, base: Path | str = ".") -> VLJEPA:
    """A model to be trained: pretrained parts from their sources, random weights for all that is new.

    Args:
        config: the model's config.
        base: what relative paths in `config` are relative to.

    Raises:
        ModelError: a source is missing or does not fit, or a frozen part has no source.
    """
    state: dict[str, Tensor] = {}
    with torch.random.fork_rng(devices=[]):  # the random weights follow from the caller's seed alone
        outline = _outline(config)
        for part in pretrained_parts(config, base=Path(base)):
            state |= _read_part(part, outline)
    new = [name for name in outline.state_dict() if name not in state]
    for frozen in outline.frozen_modules():
        if any(name.startswith(f"{frozen}.") for name in new):
            raise ModelError(f"{config.name}: {frozen} is frozen but has no source for its weights")
    model = VLJEPA(config, base=base)
    model.load_state_dict(state, strict=False)
    _log.info("%s: %d tensors are pretrained, %d are new", config.name, len(state), len(new))
    model.fit_concepts()
    return model


def read_model(folder: Path | str, *, dtype: torch.dtype = torch.float32) -> VLJEPA:
    """A trained model from the folder that `write_model` wrote. Every tensor must be there.

    Raises:
        ModelError: names the file, source or tensor that is missing, damaged or does not fit.
    """
    folder = Path(folder)
    config = load_config(folder / CONFIG_FILE)
    path = folder / WEIGHTS_FILE
    if not path.exists():
        raise ModelError(f"{folder}: has no {WEIGHTS_FILE}, which a trained model keeps its weights in")
    _verify([path], config.digests.get(WEIGHTS_FILE), where=str(path))
    outline = _outline(config)
    state = unpack(with_new_tensors(read_tensors(path)))
    for part in referenced_parts(config, base=folder):
        _verify(part.find(), config.digests.get(part.name), where=f"{part.name}: {part.source}")
        state |= _read_part(part, outline)
    check_fit(outline.state_dict(), state, where=str(path))
    model = VLJEPA(config, base=folder)
    model.load_state_dict(state)
    return model.to(dtype)


def write_model(
    model: VLJEPA,
    folder: Path | str,
    *,
    bundle: bool = False,
    dtype: torch.dtype | None = None,
    int8: bool = False,
) -> ModelConfig:
    """Write `config.json` and `model.safetensors`, from which `read_model` restores the model.

    Args:
        model: the model.
        folder: made if it is not there.
        bundle: copy frozen pretrained parts and tokenizers too, so that the folder is complete.
        dtype: of the stored weights; None: as they are.
        int8: store large matrices in a byte a weight (modules/int8_weights.py).

    Returns:
        The config as written, with the digests of all weights.
    """
    return write_weights(
        model.config, model.state_dict(), Path(folder), base=model.base, bundle=bundle, dtype=dtype, int8=int8
    )


def _outline(config: ModelConfig) -> VLJEPA:
    """The model as names and shapes alone: what files hold is compared with these before memory is taken.

    Raises:
        ModelError: the settings do not fit each other, or the weights do not fit into this machine's memory.
    """
    try:
        # open_clip's networks cannot be built without memory; their sizes are the library's, not the config's.
        with nullcontext() if _has_open_clip(config) else torch.device("meta"):
            outline = VLJEPA(config)
    except ModelError:
        raise
    except Exception as error:  # of transformers, timm and PyTorch
        raise ModelError(f"{config.name}: cannot be built ({first_line(error)})") from error
    size = sum(tensor.numel() * 4 for tensor in outline.state_dict().values())
    if (memory := _memory()) and size > memory:
        raise ModelError(
            f"{config.name}: its weights need {size / 1e9:,.1f} GB, and this machine has {memory / 1e9:,.1f} GB"
        )
    return outline


def _has_open_clip(config: ModelConfig) -> bool:
    return isinstance(config.x_encoder, OpenClipImageConfig) or isinstance(
        config.y_encoder.tower, OpenClipTextConfig
    )


def _memory() -> int:
    """Bytes of main memory; 0 where the system does not say."""
    names = getattr(os, "sysconf_names", {})
    if "SC_PHYS_PAGES" not in names or "SC_PAGE_SIZE" not in names:
        return 0
    return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def write_weights(
    config: ModelConfig,
    state: Mapping[str, Tensor],
    folder: Path,
    *,
    base: Path,
    bundle: bool = False,
    dtype: torch.dtype | None = None,
    int8: bool = False,
) -> ModelConfig:
    """Write a model's folder from its config and state dict; see `write_model`."""
    folder.mkdir(parents=True, exist_ok=True)
    referenced = [] if bundle else referenced_parts(config, base=base)
    stored = {
        name: tensor.detach().to("cpu", dtype if tensor.is_floating_point() else None).contiguous()
        for name, tensor in state.items()
        if not any(part.owns(name) for part in referenced)
    }
    save_file(pack(stored) if int8 else stored, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    digests = {part.name: digest_of_files(part.find()) for part in referenced if not is_remote(part.source)}
    digests[WEIGHTS_FILE] = digest_of_files([folder / WEIGHTS_FILE])
    sections: dict[str, Any] = {}
    for name in ("x_encoder", "predictor", "y_encoder"):
        section = _settle_sources(getattr(config, name), base, bundle=bundle)
        sections[name], tokenizers = _settle_tokenizers(section, name, folder, base, bundle=bundle)
        digests |= tokenizers
    sections["answers"] = _settle_file(config.answers, ANSWERS_FILE, folder, base)
    # A Y-Decoder fits only the weights that it was trained for, so it is not copied.
    config = dataclasses.replace(config, **sections, y_decoder=None, digests=digests)
    save_config(config, folder / CONFIG_FILE)
    return config


def referenced_parts(config: ModelConfig, *, base: Path) -> list[PretrainedPart]:
    """The parts that are read from their source rather than stored with the model."""
    return [part for part in pretrained_parts(config, base=base) if part.frozen]


def _read_part(part: PretrainedPart, outline: VLJEPA) -> dict[str, Tensor]:
    """A part's tensors from its source, all of them and of the right shapes."""
    own = {name: tensor for name, tensor in outline.state_dict().items() if part.owns(name)}
    found = part.read()
    check_fit(own, found, where=part.source)
    return found


def check_fit(own: Mapping[str, Tensor], found: Mapping[str, Tensor], *, where: str) -> None:
    """`ModelError` unless `found` has the names and shapes of `own`, no more and no less, and finite values."""
    if missing := [name for name in own if name not in found]:
        raise ModelError(f"{where}: has no weights for {_some(missing)}")
    if unexpected := [name for name in found if name not in own]:
        raise ModelError(f"{where}: the config has no place for {_some(unexpected)}")
    for name, tensor in found.items():
        if tensor.shape != own[name].shape:
            raise ModelError(
                f"{where}: {name} has shape {tuple(tensor.shape)}, but the config makes it {tuple(own[name].shape)}"
            )
    if (broken := not_finite(found)) is not None:
        raise ModelError(f"{where}: {broken} has values that are not finite")


def not_finite(tensors: Mapping[str, Tensor]) -> str | None:
    """The name of the first tensor that holds a value that is not finite; None if there is none."""
    for name, values in tensors.items():
        if values.is_floating_point() and values.numel():
            # NaN if any value is; takes no memory for a mask. PyTorch has it for no float8.
            ends = torch.stack(torch.aminmax(values.half() if values.element_size() == 1 else values))
            if not ends.isfinite().all():
                return name
    return None


def _verify(files: list[Path], digest: str | None, *, where: str) -> None:
    if digest is not None and digest_of_files(files) != digest:
        raise ModelError(f"{where}: not the weights that the model was saved with (their sha256 differs)")


def _settle_sources(section: Any, base: Path, *, bundle: bool) -> Any:
    """A section whose sources are valid from any folder: absolute paths, or none at all in a bundle."""
    changes: dict[str, Any] = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            changes[field.name] = _settle_sources(value, base, bundle=bundle)
        elif isinstance(value, tuple) and value and dataclasses.is_dataclass(value[0]):
            changes[field.name] = tuple(_settle_sources(item, base, bundle=bundle) for item in value)
        elif field.name == "source" and value is not None:
            changes["source"] = (
                None if bundle else value if _is_reference(value) else str((base / value).resolve())
            )
    return dataclasses.replace(section, **changes)


def _settle_tokenizers(
    section: Any, name: str, folder: Path, base: Path, *, bundle: bool
) -> tuple[Any, dict[str, str]]:
    """Copy a section's tokenizer into `folder` if it lies at a path; the new section, and its digest by name."""
    digests: dict[str, str] = {}
    for field in dataclasses.fields(section):
        value = getattr(section, field.name)
        if dataclasses.is_dataclass(value):
            inner, more = _settle_tokenizers(value, f"{name}.{field.name}", folder, base, bundle=bundle)
            section, digests = dataclasses.replace(section, **{field.name: inner}), digests | more
        elif field.name == "tokenizer":
            if is_remote(value) and not bundle:
                continue
            path = locate(value, TOKENIZER_FILE, base=base)
            digests[f"{name}.tokenizer"] = digest_of_files([path])
            if bundle or not _is_reference(value):
                copy = folder / f"{name}.{TOKENIZER_FILE}"
                if path.resolve() != copy.resolve():
                    shutil.copyfile(path, copy)
                section = dataclasses.replace(section, tokenizer=copy.name)
    return section, digests


def _settle_file(value: str | None, name: str, folder: Path, base: Path) -> str | None:
    """Copy a file of texts into `folder` under `name`, which is returned; None if there is none."""
    if value is None:
        return None
    path = locate(value, base=base)
    if path.resolve() != (folder / name).resolve():
        shutil.copyfile(path, folder / name)
    return name


def _is_reference(source: str) -> bool:
    return is_remote(source) or source.startswith("package:")


def _some(names: list[str]) -> str:
    shown = ", ".join(names[:3])
    return shown if len(names) <= 3 else f"{shown} and {len(names) - 3} more"
