"""V-JEPA 2 whole: its encoder, and the predictor that it was trained with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import VJEPA2Model

from jepa_retrieval.models.modules.frames import IMAGENET_MEAN, IMAGENET_STD, NormaliseFrames, from_unit_range


class VJepa2WithPredictor(nn.Module):
    """From the first frames of a clip, the tokens of those that follow (Garrido et al. 2025, arXiv 2502.11831).

    The context is encoded by itself, so that its tokens know nothing of what follows. The targets are tokens of the
    whole clip. As in `transformers`, masked places hold the second of the predictor's mask tokens.
    """

    def __init__(self, model: VJEPA2Model) -> None:
        super().__init__()
        config = model.config
        self.tubelet = int(config.tubelet_size)  # frames of a token
        patch = config.patch_size
        side = patch if isinstance(patch, int) else patch[0]
        self.tokens_per_tubelet = (config.crop_size // side) ** 2
        mean, std = from_unit_range(IMAGENET_MEAN), from_unit_range(IMAGENET_STD)
        self.normalise = NormaliseFrames(mean, std, image_size=config.crop_size)
        self.model = model

    def pixels(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, H, W, 3] to what the encoder takes, float [B, T, 3, S, S]."""
        batch, count = frames.shape[:2]
        return self.normalise(frames.flatten(0, 1)).unflatten(0, (batch, count))

    def targets(self, pixels: Tensor) -> Tensor:
        """Layer-normed tokens of whole clips, float [B, N, D]."""
        tokens = self._encode(pixels)
        return functional.layer_norm(tokens, tokens.shape[-1:])

    def predict(self, pixels: Tensor, context: int) -> Tensor:
        """Tokens of what follows the first `context` frames, float [B, N - N_context, D]; only these are looked at.

        Args:
            pixels: float [B, T, 3, S, S], of the whole clip.
            context: frames, a multiple of the tubelet and less than T.
        """
        batch, frames = pixels.shape[:2]
        seen = context // self.tubelet * self.tokens_per_tubelet
        places = torch.arange(frames // self.tubelet * self.tokens_per_tubelet, device=pixels.device)
        places = places.expand(batch, -1)
        found: Tensor = self.model.predictor(
            encoder_hidden_states=self._encode(pixels[:, :context]),
            context_mask=[places[:, :seen]],
            target_mask=[places[:, seen:]],
        ).last_hidden_state
        return found

    def forward(self, frames: Tensor, contexts: Sequence[int]) -> Tensor:
        """How far predictions are from what came, as mean absolute differences, float [contexts, B].

        Args:
            frames: uint8 [B, T, H, W, 3], T a multiple of the tubelet.
            contexts: lengths of the context, frames.
        """
        pixels = self.pixels(frames)
        targets = self.targets(pixels)
        losses = []
        for context in contexts:
            seen = context // self.tubelet * self.tokens_per_tubelet
            difference = self.predict(pixels, context) - targets[:, seen:]
            losses.append(difference.abs().mean(dim=(1, 2)))
        return torch.stack(losses)

    def _encode(self, pixels: Tensor) -> Tensor:
        tokens: Tensor = self.model.encoder(pixel_values_videos=pixels).last_hidden_state
        return tokens
