"""The config of a V-JEPA 2 checkpoint, as `transformers` writes it: checked before anything heavy is loaded."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.ranges import (
    Dropout,
    Epsilon,
    Frames,
    Heads,
    Layers,
    MlpRatio,
    Pixels,
    Tokens,
    Width,
    check_multiple,
)
from jepa_retrieval.settings import Within, read_settings

# Of those that `transformers` knows by these names.
Activation = Literal[
    "gelu", "gelu_fast", "gelu_new", "gelu_pytorch_tanh", "leaky_relu", "quick_gelu", "relu", "silu", "swish", "tanh"
]  # fmt: skip


@dataclass(frozen=True)
class VJepa2Checkpoint:
    """The settings that the model is made of; names and defaults are those of `transformers`."""

    crop_size: Pixels = 256
    frames_per_clip: Frames = 64
    tubelet_size: Frames = 2
    patch_size: Pixels = 16
    in_chans: Annotated[int, Within(3, 3)] = 3
    hidden_size: Width = 1024
    num_attention_heads: Heads = 16
    num_hidden_layers: Layers = 24
    mlp_ratio: MlpRatio = 4.0
    layer_norm_eps: Epsilon = 1e-6
    qkv_bias: bool = True
    hidden_act: Activation = "gelu"
    drop_path_rate: Dropout = 0.0
    attention_dropout: Dropout = 0.0
    attention_probs_dropout_prob: Dropout = 0.0
    initializer_range: Epsilon = 0.02
    num_pooler_layers: Annotated[int, Within(0, 256)] = 3
    pred_hidden_size: Width = 384
    pred_num_attention_heads: Heads = 12
    pred_num_hidden_layers: Layers = 12
    pred_num_mask_tokens: Tokens = 10
    pred_mlp_ratio: MlpRatio = 4.0
    pred_zero_init_mask_tokens: bool = True

    def __post_init__(self) -> None:
        check_multiple("hidden_size", self.hidden_size, "num_attention_heads", self.num_attention_heads)
        check_multiple(
            "pred_hidden_size",
            self.pred_hidden_size,
            "pred_num_attention_heads",
            self.pred_num_attention_heads,
        )


def parse_vjepa2_checkpoint(content: dict[str, Any], *, where: str) -> VJepa2Checkpoint:
    """The settings of a checkpoint's config; those that do not matter here are left out.

    Args:
        content: of `config.json`.
        where: its path, for errors.

    Raises:
        ModelError: names the setting that is of another type, out of its range, or does not fit another.
    """
    names = {field.name for field in dataclasses.fields(VJepa2Checkpoint)}
    known = {name: value for name, value in content.items() if name in names}
    patch = known.get("patch_size")
    if isinstance(patch, list) and len(patch) == 2 and patch[0] == patch[1]:  # height and width
        known["patch_size"] = patch[0]
    try:
        return read_settings(VJepa2Checkpoint, known, error=ModelError)
    except ModelError as error:
        raise ModelError(f"{where}: {error}") from None
