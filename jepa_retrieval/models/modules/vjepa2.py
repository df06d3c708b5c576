"""V-JEPA 2, the X-Encoder of the paper."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor, nn
from transformers import VJEPA2Config as HuggingFaceVJepa2Config
from transformers import VJEPA2Model
from transformers.models.vjepa2.modeling_vjepa2 import VJEPA2RopeAttention

from jepa_retrieval.models.config import VJepa2Config
from jepa_retrieval.models.modules.frames import IMAGENET_MEAN, IMAGENET_STD, NormaliseFrames, from_unit_range


class VJepa2(nn.Module):
    """The encoder of V-JEPA 2 (its own predictor is left out): frames to the last hidden state."""

    def __init__(self, config: VJepa2Config) -> None:
        super().__init__()
        self.frames = config.frames  # of a clip in inference
        self.tubelet = config.tubelet_size
        mean, std = from_unit_range(IMAGENET_MEAN), from_unit_range(IMAGENET_STD)
        self.normalise = NormaliseFrames(mean, std, image_size=config.image_size)
        architecture = to_transformers(config)
        self.encoder = VJEPA2Model(architecture).encoder
        layers: Any = self.encoder.layer  # of transformers, whose parts have no types
        for layer in layers:
            attention = Attention(architecture, config.width, config.heads)
            attention.load_state_dict(layer.attention.state_dict())
            layer.attention = attention

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, H, W, 3] to S_V float [B, N, D], N = ceil(T / tubelet_size) * (image_size / patch_size)^2.

        T may be any number, since positions are rotary. A last tubelet that is not full repeats the last frame, so
        that a picture alone costs one tubelet.
        """
        frames = torch.cat(
            [frames, frames[:, -1:].expand(-1, -frames.shape[1] % self.tubelet, -1, -1, -1)], dim=1
        )
        batch, count = frames.shape[:2]
        pixels = self.normalise(frames.flatten(0, 1)).unflatten(0, (batch, count))
        tokens: Tensor = self.encoder(pixel_values_videos=pixels).last_hidden_state
        return tokens


class Attention(VJEPA2RopeAttention):
    """V-JEPA 2's, with rotary positions in float32: the library computes the angles in the precision of its input."""

    def apply_rotary_embeddings(self, qk: Tensor, pos_ids: tuple[Tensor, ...]) -> Tensor:
        """Queries or keys [B, heads, N, width of a head], rotated by the places of their tokens."""
        rotated: Tensor = super().apply_rotary_embeddings(qk.float(), pos_ids)
        return rotated.to(qk.dtype)


def checkpoint_names(names: Iterable[str]) -> dict[str, str]:
    """Names in `VJepa2` to those in a V-JEPA 2 checkpoint, with or without a classification head."""
    own = {name.removeprefix("vjepa2."): name for name in names}
    return {name: theirs for name, theirs in own.items() if name.startswith("encoder.")}


def to_transformers(config: VJepa2Config) -> HuggingFaceVJepa2Config:
    """The same architecture as a config of `transformers`."""
    return HuggingFaceVJepa2Config(
        crop_size=config.image_size,
        frames_per_clip=config.frames,
        hidden_size=config.width,
        num_hidden_layers=config.layers,
        num_attention_heads=config.heads,
        patch_size=config.patch_size,
        tubelet_size=config.tubelet_size,
        mlp_ratio=config.mlp_ratio,
        pred_num_hidden_layers=0,  # V-JEPA 2's own predictor is not used
    )
