"""The models that are measured: nano, the paper's at full size, and a ViT-B-32 of CLIP's kind."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import (
    GemmaConfig,
    LlamaPredictorConfig,
    ModelConfig,
    VJepa2Config,
    load_config,
)
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.registry import CONFIGS, WEIGHTS
from jepa_retrieval.models.storage import read_model

SHARPER = 6.0  # factor of the queries of attention, which random weights leave nearly even


def full_size(facts_smoke: bool) -> ModelConfig:
    """The config of `vljepa`; with smoke the same architecture, tiny."""
    config = load_config(CONFIGS / "vljepa.json")
    if not facts_smoke:
        return config
    vision, predictor, tower = config.x_encoder, config.predictor, config.y_encoder.tower
    assert isinstance(vision, VJepa2Config) and isinstance(tower, GemmaConfig)
    assert isinstance(predictor, LlamaPredictorConfig)
    tokens = dataclasses.replace(predictor.query_tokens, vocabulary=1000, width=64)
    sections: dict[str, Any] = {
        "x_encoder": dataclasses.replace(vision, image_size=64, width=96, layers=2, heads=2),
        "predictor": dataclasses.replace(
            predictor, query_tokens=tokens, layers=2, width=64, heads=4, kv_heads=2, mlp_width=128
        ),
        "y_encoder": dataclasses.replace(
            config.y_encoder,
            tower=dataclasses.replace(
                tower, vocabulary=1000, width=64, layers=2, heads=2, kv_heads=1, head_width=32, mlp_width=96
            ),
        ),
    }
    return dataclasses.replace(config, embedding_size=96, **sections)


def random_full_size(config: ModelConfig, device: str) -> VLJEPA:
    """The model with random weights, made on the device, its attention sharpened."""
    torch.manual_seed(0)
    with torch.device(device):
        model = VLJEPA(config)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.endswith(".query.weight") or (name.startswith("predictor.") and "q_proj" in name):
                parameter.mul_(SHARPER)
            elif name.endswith("q_norm.weight"):
                parameter.add_(1.0)
    return model


def nano(device: str) -> tuple[VLJEPA, str]:
    """nano, and "its weights" or why they are random."""
    folder = WEIGHTS / "nano"
    try:
        return read_model(folder).to(device), "its weights"
    except ModelError as error:
        torch.manual_seed(0)
        with torch.device(device):
            model = VLJEPA(load_config(folder / "config.json"), base=Path(folder))
        _settle_statistics(model.x_encoder, model.config.x_encoder.image_size, device)
        return model, f"random weights ({error})"


@torch.no_grad()
def _settle_statistics(x_encoder: nn.Module, size: int, device: str) -> None:
    """Give batch norms of random convolutions statistics that keep activations at a sensible scale."""
    frames = torch.randint(256, (8, 1, size, size, 3), dtype=torch.uint8, device=device)
    for module in x_encoder.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.train()
            module.momentum = 1.0
    x_encoder(frames)
    x_encoder.eval()


def clip_b32(device: str, smoke: bool) -> tuple[nn.Module, str]:
    """The image tower of a ViT-B-32 with random weights, and which library's it is; uint8 frames in."""
    from jepa_retrieval.models.config import OpenClipImageConfig

    config = OpenClipImageConfig(
        kind="open_clip",
        architecture="ViT-B-32",
        source=None,
        image_size=224,
        width=512,
        mean=(0.48145466, 0.4578275, 0.40821073),
        std=(0.26862954, 0.26130258, 0.27577711),
    )
    try:
        from jepa_retrieval.models.modules.open_clip_towers import OpenClipImage

        with torch.device(device):
            return OpenClipImage(config).eval(), "open_clip"
    except ImportError as error:
        with torch.device(device):
            return _TransformersClip(tiny=smoke).eval(), f"transformers' CLIPVisionModel ({error})"


class _TransformersClip(nn.Module):
    """The same tower by `transformers`: 12 layers of width 768, patches of 32 x 32."""

    def __init__(self, *, tiny: bool) -> None:
        super().__init__()
        from transformers import CLIPVisionConfig, CLIPVisionModelWithProjection

        from jepa_retrieval.models.modules.frames import NormaliseFrames, from_unit_range

        mean, std = (0.48145466, 0.4578275, 0.40821073), (0.26862954, 0.26130258, 0.27577711)
        self.normalise = NormaliseFrames(from_unit_range(mean), from_unit_range(std), image_size=224)
        config = CLIPVisionConfig(patch_size=32, image_size=224, num_hidden_layers=2 if tiny else 12)
        self.network = CLIPVisionModelWithProjection(config)

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, 224, 224, 3] to float [B, T, 512]."""
        embeddings: Tensor = self.network(self.normalise(frames.flatten(0, 1))).image_embeds
        return embeddings.unflatten(0, frames.shape[:2])


def random_frames(shape: tuple[int, ...], device: str) -> Tensor:
    """Uint8 [*shape, 3] that differ smoothly over the picture, as photographs do: noise of an eighth of the size."""
    *leading, height, width = shape
    coarse = torch.rand(
        (int(torch.tensor(leading).prod()), 3, max(2, height // 8), max(2, width // 8)), device=device
    )
    fine = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
    return (fine * 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().view(*leading, height, width, 3)
