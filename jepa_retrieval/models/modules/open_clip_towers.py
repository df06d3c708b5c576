"""The two towers of any open_clip model, as X-Encoder and as text tower."""

from __future__ import annotations

from pathlib import Path

import open_clip
import torch
from torch import Tensor, nn

from indexes.reasons import first_line
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import OpenClipImageConfig, OpenClipTextConfig
from jepa_retrieval.models.hub import offline
from jepa_retrieval.models.modules.frames import NormaliseFrames, from_unit_range
from jepa_retrieval.models.open_clip import text_repositories


class OpenClipImage(nn.Module):
    """The image tower, frame by frame: one token per frame, its projected embedding."""

    def __init__(self, config: OpenClipImageConfig) -> None:
        super().__init__()
        mean, std = from_unit_range(config.mean), from_unit_range(config.std)
        self.normalise = NormaliseFrames(mean, std, image_size=config.image_size)
        self.network: nn.Module = create(config.architecture).get_submodule("visual")

    def forward(self, frames: Tensor) -> Tensor:
        """Uint8 [B, T, H, W, 3] to S_V float [B, T, D]."""
        batch, count = frames.shape[:2]
        embeddings = _first(self.network(self.normalise(frames.flatten(0, 1))))
        return embeddings.unflatten(0, (batch, count))


class OpenClipText(nn.Module):
    """The text tower, pooled and projected as the model does it."""

    def __init__(self, config: OpenClipTextConfig) -> None:
        super().__init__()
        self.network: nn.Module = create(config.architecture).get_submodule("text")
        self.length = int(
            open_clip.get_model_config(config.architecture)["text_cfg"].get("context_length", 77)
        )

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """Int [B, L] to float [B, D]; the tower finds the end of the text by itself, `mask` is not used."""
        # The towers accept only texts of full length. The tokenizer returns those; a graph is traced with shorter
        # ones.
        full = torch.cat([ids, ids.new_zeros(ids.shape[0], self.length)], dim=1)[:, : self.length]
        return _first(self.network(full))


def create(architecture: str) -> nn.Module:
    """An open_clip model with random weights, its towers as two separate modules."""
    settings = open_clip.get_model_config(architecture)
    if settings is None:
        known = ", ".join(open_clip.list_models())
        raise ModelError(f"open_clip has no architecture {architecture!r} (it has: {known})")
    # Not open_clip.create_model, which warns of the random weights that are wanted here.
    settings.pop("custom_text", None)
    settings["vision_cfg"]["timm_model_pretrained"] = False
    settings["text_cfg"]["hf_model_pretrained"] = False
    if repository := text_repositories(architecture).get("config"):
        settings["text_cfg"]["hf_model_name"] = str(repository.require("config.json").parent)
    kind = open_clip.CoCa if "multimodal_cfg" in settings else open_clip.CustomTextCLIP
    with offline():
        model: nn.Module = kind(**settings)
    return model


def read_towers(architecture: str, path: Path) -> tuple[dict[str, Tensor], dict[str, Tensor]]:
    """The tensors of the image and of the text tower in an open_clip checkpoint."""
    model = create(architecture)
    try:
        open_clip.load_checkpoint(model, str(path), strict=True, weights_only=True)
    except Exception as error:  # damaged bytes lead its many readers to errors of all kinds
        raise ModelError(
            f"{path}: not a checkpoint of open_clip's {architecture} ({first_line(error)})"
        ) from error
    return model.get_submodule("visual").state_dict(), model.get_submodule("text").state_dict()


def _first(output: Tensor | tuple[Tensor, ...]) -> Tensor:
    """Some towers (CoCa's) return their tokens beside the embedding."""
    return output if isinstance(output, torch.Tensor) else output[0]
