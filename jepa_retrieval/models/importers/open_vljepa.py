"""Import of Open-VLJEPA's checkpoints (`best.pt`), a public re-implementation of the paper at full size.

The file holds the Predictor and the Y-Encoder. The X-Encoder is V-JEPA 2 as published, and is usually not in the
file; the two tokenizers are those of the pretrained models. All three are referenced from the model folder.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar, get_type_hints

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_torch_object
from jepa_retrieval.models.config import (
    GemmaConfig,
    LlamaPredictorConfig,
    ModelConfig,
    VJepa2Config,
    load_config,
    parse_config,
)
from jepa_retrieval.settings import read_settings, shown

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

_FULL_SIZE = Path(__file__).resolve().parents[1] / "configs" / "open-vljepa.json"

# Their names to ours; the first pattern that matches is used.
_PLACES = (
    (r"predictor\.embed_tokens\.(.+)", r"predictor.query_tokens.embedding.\1"),
    (r"predictor\.vis_proj\.(.+)", r"predictor.vision_input.projection.\1"),
    (r"predictor\.out_proj\.(.+)", r"predictor.output_projection.\1"),
    (r"predictor\.((?:layers|norm)\..+)", r"predictor.\1"),
    (r"y_encoder\.model\.(.+)", r"y_encoder.tower.model.\1"),
    (r"y_encoder\.projector\.(.+)", r"y_encoder.head.\1"),
    (r"x_encoder\.model\.encoder\.(.+)", r"x_encoder.encoder.\1"),
)
# Tensors that have no part in an embedding: V-JEPA 2's own predictor, and rotary tables that are computed anyway.
_UNUSED = r"x_encoder\.model\.predictor\..+|.+\.(?:original_)?inv_freq"


@dataclass(frozen=True)
class ImportReport:
    """What an import did with a checkpoint."""

    config: ModelConfig
    placed: int  # tensors
    unused: tuple[str, ...]  # names of tensors that no embedding depends on
    referenced: tuple[str, ...]  # sources that the model folder refers to


def import_open_vljepa(
    path: Path | str, out_dir: Path | str, *, architecture: ModelConfig | None = None
) -> ImportReport:
    """Turn `best.pt` into a model folder, to be used as `local:OUT_DIR`.

    Args:
        path: the checkpoint. It is read with `weights_only`: nothing in it is executed.
        out_dir: the folder to write; made if it is not there.
        architecture: sizes, and the pretrained models that are referenced; None: the paper's, which Open-VLJEPA has.
            The checkpoint's own settings (layers, frames, lengths) are taken over.

    Raises:
        ModelError: the file is not such a checkpoint, or a tensor is missing, unknown, or of another shape.
    """
    path, out_dir = Path(path), Path(out_dir)
    tensors, settings = _read(path)
    placed: dict[str, Tensor] = {}
    unused: list[str] = []
    for name, tensor in tensors.items():
        own = _place(name)
        if own is not None:
            placed[own] = tensor
        elif re.fullmatch(_UNUSED, name):
            unused.append(name)
        else:
            raise ModelError(f"{path}: {name} is not a tensor of an Open-VLJEPA model")
    complete = any(name.startswith("x_encoder.") for name in placed)
    config = _config(architecture or load_config(_FULL_SIZE), settings, path, complete=complete)
    config = _write(config, placed, path, out_dir)
    return ImportReport(config, len(placed), tuple(unused), _references(config))


@dataclass(frozen=True)
class _Data:
    """The settings of the section `data` that matter here."""

    num_frames: int | None = None
    image_size: int | None = None
    max_query_len: int | None = None
    max_caption_len: int | None = None


@dataclass(frozen=True)
class _Encoder:
    """The settings of the section `encoder` that matter here."""

    output_dim: int | None = None


@dataclass(frozen=True)
class _Predictor:
    """The settings of the section `predictor` that matter here."""

    n_keep_layers: int | None = None
    disable_causal_mask: bool | None = None


@dataclass(frozen=True)
class _Settings:
    """The settings that a checkpoint was trained with; those that are null or missing stay as in the architecture."""

    data: _Data = field(default_factory=_Data)
    encoder: _Encoder = field(default_factory=_Encoder)
    predictor: _Predictor = field(default_factory=_Predictor)


def _read(path: Path) -> tuple[dict[str, Tensor], _Settings]:
    """The checkpoint's tensors, without the prefix of distributed training, and its settings."""
    import torch

    content = read_torch_object(path)
    state = content.get("model_state_dict") if isinstance(content, dict) else None
    if not isinstance(content, dict) or not isinstance(state, dict):
        raise ModelError(f"{path}: not an Open-VLJEPA checkpoint, it has no model_state_dict")
    for name, tensor in state.items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise ModelError(
                f"{path}: model_state_dict holds {shown(name)}, which is not a tensor with a name"
            )
    settings = _known(content.get("config") or {}, _Settings)
    return (
        {name.removeprefix("module."): tensor for name, tensor in state.items()},
        read_settings(_Settings, settings, where=f"{path}: config", error=ModelError),
    )


def _known(value: object, kind: type) -> object:
    """Nested settings without those that `kind` does not have: most of a training's settings do not matter here."""
    if not isinstance(value, dict):
        return value
    kinds = get_type_hints(kind)
    known = {key: item for key, item in value.items() if key in kinds and item is not None}
    return {
        key: _known(item, kinds[key]) if dataclasses.is_dataclass(kinds[key]) else item
        for key, item in known.items()
    }


def _place(name: str) -> str | None:
    for pattern, replacement in _PLACES:
        if match := re.fullmatch(pattern, name):
            return match.expand(replacement)
    return None


def _config(architecture: ModelConfig, settings: _Settings, path: Path, *, complete: bool) -> ModelConfig:
    """The architecture with the settings that the checkpoint was trained with.

    A `complete` checkpoint holds the X-Encoder too.
    """
    if settings.encoder.output_dim is not None:
        raise ModelError(
            f"{path}: its X-Encoder has a projection (encoder.output_dim), which is not supported"
        )
    x_encoder, own, y_encoder = architecture.x_encoder, architecture.predictor, architecture.y_encoder
    assert isinstance(x_encoder, VJepa2Config)
    assert isinstance(own, LlamaPredictorConfig)
    assert isinstance(y_encoder.tower, GemmaConfig)
    data, predictor = settings.data, settings.predictor
    try:
        config = dataclasses.replace(
            architecture,
            name="open-vljepa",
            frames_per_window=_either(data.num_frames, x_encoder.frames),
            x_encoder=dataclasses.replace(
                x_encoder,
                source=None if complete else x_encoder.source,
                frames=_either(data.num_frames, x_encoder.frames),
                image_size=_either(data.image_size, x_encoder.image_size),
            ),
            predictor=dataclasses.replace(
                own,
                source=None,
                query_tokens=dataclasses.replace(own.query_tokens, source=None),
                layers=_either(predictor.n_keep_layers, own.layers),
                causal=not _either(predictor.disable_causal_mask, True),
                max_query_tokens=_either(data.max_query_len, own.max_query_tokens),
            ),
            y_encoder=dataclasses.replace(
                y_encoder,
                tower=dataclasses.replace(y_encoder.tower, source=None),
                max_tokens=_either(data.max_caption_len, y_encoder.max_tokens),
            ),
        )
        return parse_config(dataclasses.asdict(config))  # the checkpoint's numbers must be in range too
    except ModelError as error:
        raise ModelError(f"{path}: its settings cannot be used: {error}") from None


def _either(theirs: T | None, ours: T) -> T:
    return ours if theirs is None else theirs


def _write(config: ModelConfig, placed: Mapping[str, Tensor], path: Path, out_dir: Path) -> ModelConfig:
    import torch

    from jepa_retrieval.models.modules.vl_jepa import VLJEPA
    from jepa_retrieval.models.storage import check_fit, referenced_parts, write_weights

    with torch.device("meta"):  # names and shapes alone
        expected = VLJEPA(config).state_dict()
    referenced = referenced_parts(config, base=Path.cwd())
    here = {name: tensor for name, tensor in expected.items() if not any(p.owns(name) for p in referenced)}
    check_fit(here, placed, where=str(path))
    return write_weights(config, placed, out_dir, base=Path.cwd())


def _references(config: ModelConfig) -> tuple[str, ...]:
    predictor, tower = config.predictor, config.y_encoder.tower
    assert isinstance(config.x_encoder, VJepa2Config)
    assert isinstance(predictor, LlamaPredictorConfig)
    assert isinstance(tower, GemmaConfig)
    sources = (config.x_encoder.source, predictor.query_tokens.tokenizer, tower.tokenizer)
    return tuple(source for source in sources if source is not None)
