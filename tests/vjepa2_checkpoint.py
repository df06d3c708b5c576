"""V-JEPA 2 with random weights, as small as it can be, in a folder as the Hugging Face hub has it."""

from pathlib import Path

import torch
from transformers import VJEPA2Config, VJEPA2Model

SIDE = 32  # pixels of its frames


def tiny_vjepa2(folder: Path) -> Path:
    """Write it; its mask tokens are not zero."""
    torch.manual_seed(0)
    config = VJEPA2Config(
        crop_size=SIDE,
        frames_per_clip=8,
        hidden_size=24,
        num_attention_heads=2,
        num_hidden_layers=2,
        pred_hidden_size=12,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=2,
        pred_num_mask_tokens=3,
        initializer_range=0.3,
    )
    model = VJEPA2Model(config)
    torch.nn.init.normal_(model.predictor.embeddings.mask_tokens)
    model.save_pretrained(folder)
    return folder
