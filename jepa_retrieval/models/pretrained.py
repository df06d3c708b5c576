"""Which parts of a model have pretrained weights, and how these are read from their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors, weight_files
from jepa_retrieval.models.config import (
    BertConfig,
    EfficientNetLiteConfig,
    GemmaConfig,
    LlamaPredictorConfig,
    ModelConfig,
    OpenClipImageConfig,
    OpenClipTextConfig,
    VJepa2Config,
)
from jepa_retrieval.models.sources import locate

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PretrainedConfig

Tensors = dict[str, "Tensor"]


@dataclass(frozen=True)
class PretrainedPart:
    """A part of the model whose weights come from elsewhere."""

    name: str  # as in the config, such as "y_encoder.tower"
    source: str
    frozen: bool
    prefixes: tuple[str, ...]  # of its tensors in the model's state dict
    find: Callable[[], list[Path]]  # the files of the source
    read: Callable[[], Tensors]  # the part's tensors, under the names of the model's state dict

    def owns(self, tensor: str) -> bool:
        """Whether a tensor of the model's state dict belongs to this part."""
        return tensor.startswith(self.prefixes)


def pretrained_parts(config: ModelConfig, *, base: Path) -> list[PretrainedPart]:
    """The parts of `config` that name a source; `base` is what relative paths are relative to."""
    parts = _x_encoder_parts(config, base)
    predictor = config.predictor
    if isinstance(predictor, LlamaPredictorConfig):
        parts += _predictor_parts(predictor, base)
    tower = config.y_encoder.tower
    if tower.source is not None:
        parts.append(_text_tower(tower, "y_encoder.tower", tower.source, base))
    return parts


def _x_encoder_parts(config: ModelConfig, base: Path) -> list[PretrainedPart]:
    section = config.x_encoder
    if isinstance(section, EfficientNetLiteConfig):
        return [
            _efficientnet_tower(section, index, tower.source, base)
            for index, tower in enumerate(section.towers)
            if tower.source is not None
        ]
    if section.source is None:
        return []
    if isinstance(section, OpenClipImageConfig):
        return [_open_clip_tower(section, "x_encoder", section.source, base)]
    return [_vjepa2(section, section.source, base)]


def _vjepa2(section: VJepa2Config, source: str, base: Path) -> PretrainedPart:
    from jepa_retrieval.models.modules import vjepa2

    agreeing = ("num_attention_heads", "patch_size", "tubelet_size", "hidden_act")
    return _from_checkpoint(
        "x_encoder",
        source,
        section.frozen,
        prefixes=("x_encoder.",),
        base=base,
        choose=vjepa2.checkpoint_names,
        check=partial(_check_architecture, vjepa2.to_transformers(section), agreeing, "x_encoder"),
    )


def _efficientnet_tower(
    section: EfficientNetLiteConfig, index: int, source: str, base: Path
) -> PretrainedPart:
    from jepa_retrieval.models.modules.efficientnet_lite import Tower, checkpoint_names

    def choose(names: list[str]) -> dict[str, str]:
        return checkpoint_names(names, Tower(section.towers[index]).network.state_dict())

    name = f"x_encoder.towers.{index}"
    prefix = f"{name}.network."
    return _from_checkpoint(
        name, source, section.frozen, prefixes=(f"{name}.",), base=base, choose=choose, prefix=prefix
    )


def _predictor_parts(section: LlamaPredictorConfig, base: Path) -> list[PretrainedPart]:
    from jepa_retrieval.models.modules import predictor, query_tokens

    parts = []
    if section.source is not None:
        agreeing = (
            "num_attention_heads",
            "num_key_value_heads",
            "rms_norm_eps",
            "rope_parameters",
            "hidden_act",
        )
        parts.append(
            _from_checkpoint(
                "predictor",
                section.source,
                section.frozen,
                prefixes=("predictor.layers.", "predictor.norm."),
                base=base,
                choose=partial(predictor.checkpoint_names, layers=section.layers),
                prefix="predictor.",
                check=partial(_check_architecture, predictor.to_transformers(section), agreeing, "predictor"),
            )
        )
    if section.concepts is not None:
        parts += [_classifier(index, source, base) for index, source in enumerate(section.concepts.sources)]
    tokens, name = section.query_tokens, "predictor.query_tokens"
    if tokens.source is None:
        return parts
    if isinstance(tokens, BertConfig):
        return [*parts, _text_tower(tokens, name, tokens.source, base)]
    table = _from_checkpoint(
        name,
        tokens.source,
        tokens.frozen,
        prefixes=(f"{name}.",),
        base=base,
        choose=query_tokens.checkpoint_names,
    )
    return [*parts, table]


def _classifier(index: int, source: str, base: Path) -> PretrainedPart:
    from jepa_retrieval.models.modules import concepts

    name = f"predictor.vision_input.concepts.classifiers.{index}"
    return _from_checkpoint(
        name, source, True, prefixes=(f"{name}.",), base=base, choose=concepts.checkpoint_names
    )


def _text_tower(
    section: BertConfig | GemmaConfig | OpenClipTextConfig, name: str, source: str, base: Path
) -> PretrainedPart:
    if isinstance(section, OpenClipTextConfig):
        return _open_clip_tower(section, name, source, base)
    prefixes = (f"{name}.",)
    if isinstance(section, BertConfig):
        from jepa_retrieval.models.modules import bert

        agreeing: tuple[str, ...] = ("num_attention_heads", "layer_norm_eps", "hidden_act")
        check = partial(_check_architecture, bert.to_transformers(section), agreeing, name)
        choose = bert.checkpoint_names
    else:
        from jepa_retrieval.models.modules import gemma

        agreeing = (
            "num_attention_heads",
            "num_key_value_heads",
            "head_dim",
            "rms_norm_eps",
            "rope_parameters",
        )
        agreeing += ("sliding_window", "layer_types", "query_pre_attn_scalar", "use_bidirectional_attention")
        check = partial(_check_architecture, gemma.to_transformers(section), agreeing, name)
        choose = gemma.checkpoint_names
    return _from_checkpoint(
        name, source, section.frozen, prefixes=prefixes, base=base, choose=choose, check=check
    )


def _from_checkpoint(
    name: str,
    source: str,
    frozen: bool,
    *,
    prefixes: tuple[str, ...],
    base: Path,
    choose: Callable[[list[str]], dict[str, str]],
    prefix: str | None = None,
    check: Callable[[Path], None] | None = None,
) -> PretrainedPart:
    """A part read from a checkpoint file or folder; `prefix` comes before its own names (None: the part's name)."""
    own = prefix if prefix is not None else f"{name}."

    def read() -> Tensors:
        path = locate(source, base=base)
        if check is not None:
            check(path)
        tensors = read_tensors(path, choose)
        return {own + tensor: value for tensor, value in tensors.items()}

    return PretrainedPart(
        name, source, frozen, prefixes, lambda: weight_files(locate(source, base=base)), read
    )


def _open_clip_tower(
    section: OpenClipImageConfig | OpenClipTextConfig, name: str, source: str, base: Path
) -> PretrainedPart:
    from jepa_retrieval.models.open_clip import locate_checkpoint

    def find() -> list[Path]:
        return [locate_checkpoint(section.architecture, source, base=base)]

    def read() -> Tensors:
        from jepa_retrieval.models.modules.open_clip_towers import read_towers

        image, text = read_towers(section.architecture, find()[0])
        tensors = image if isinstance(section, OpenClipImageConfig) else text
        return {f"{name}.network.{tensor}": value for tensor, value in tensors.items()}

    return PretrainedPart(name, source, section.frozen, (f"{name}.",), find, read)


def _check_architecture(ours: PretrainedConfig, keys: Iterable[str], section: str, path: Path) -> None:
    """Compare what shapes do not show: a wrong number of heads would give wrong embeddings without an error."""
    folder = path if path.is_dir() else path.parent
    file = folder / "config.json"
    if not file.is_file():
        raise ModelError(
            f"{file}: is missing; the weights of {section} alone do not show {', '.join(keys)}: put the checkpoint's "
            "config.json beside them"
        )
    try:
        theirs = type(ours).from_pretrained(folder)
    except Exception as error:  # the library raises many kinds
        raise ModelError(f"{file}: not a readable config of transformers ({first_line(error)})") from error
    for key in keys:
        wanted, found = getattr(ours, key), getattr(theirs, key)
        if not _same(wanted, found):
            raise ModelError(f"{file}: {key} is {found!r}, but the model's config has {wanted!r} ({section})")


def _same(wanted: Any, found: Any) -> bool:
    if isinstance(wanted, dict) and isinstance(found, dict):
        return all(_same(value, found.get(key)) for key, value in wanted.items())
    return bool(wanted == found)
