"""The X-Encoder: visual input X_V, uint8 [B, T, H, W, 3], to visual tokens S_V, float [B, N, D]."""

from __future__ import annotations

from torch import nn

from jepa_retrieval.models.config import EfficientNetLiteConfig, VJepa2Config, XEncoderConfig


def build_x_encoder(config: XEncoderConfig) -> nn.Module:
    """The module of the section `x_encoder`, in evaluation mode if it is frozen."""
    module = _build(config)
    return module.eval().requires_grad_(False) if config.frozen else module


def _build(config: XEncoderConfig) -> nn.Module:
    # Each kind needs another library, and none is imported before a config asks for it.
    if isinstance(config, VJepa2Config):
        from jepa_retrieval.models.modules.vjepa2 import VJepa2

        return VJepa2(config)
    if isinstance(config, EfficientNetLiteConfig):
        from jepa_retrieval.models.modules.efficientnet_lite import EfficientNetLite

        return EfficientNetLite(config)
    from jepa_retrieval.models.modules.open_clip_towers import OpenClipImage

    return OpenClipImage(config)
