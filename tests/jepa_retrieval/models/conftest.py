"""Tiny random checkpoints of the same architectures as the full-size models, and configs that fit them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SENTENCE = (
    "a the dog cat runs jumps on beach grass what is it doing red blue where who how many describe video"
)
WORDS = SENTENCE.split()


@pytest.fixture(scope="session", autouse=True)
def two_threads() -> None:
    import torch

    torch.set_num_threads(2)


@pytest.fixture(scope="session")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tokenizer.json of whole words that puts [BOS] before every text."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[BOS]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[BOS] $A", special_tokens=[("[BOS]", vocabulary["[BOS]"])]
    )
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="session")
def checkpoints(tmp_path_factory: pytest.TempPathFactory, tokenizer_file: Path) -> Path:
    """Folders vjepa2, llama (6 layers) and gemma, as `transformers` saves them, with random weights."""
    import torch
    from transformers import (
        Gemma3TextConfig,
        Gemma3TextModel,
        LlamaConfig,
        LlamaForCausalLM,
        VJEPA2Config,
        VJEPA2Model,
    )

    torch.manual_seed(0)
    root = tmp_path_factory.mktemp("checkpoints")
    vjepa2 = VJEPA2Config(
        crop_size=32,
        frames_per_clip=4,
        hidden_size=48,
        num_attention_heads=2,
        num_hidden_layers=2,
        pred_hidden_size=24,
        pred_num_attention_heads=2,
        pred_num_hidden_layers=1,
        pred_num_mask_tokens=1,
    )
    llama = LlamaConfig(
        vocab_size=40,
        hidden_size=64,
        intermediate_size=96,
        num_hidden_layers=6,
        num_attention_heads=4,
        num_key_value_heads=2,
        head_dim=16,
        rms_norm_eps=1e-5,
        tie_word_embeddings=True,
        rope_parameters={
            "rope_type": "llama3",
            "rope_theta": 500000.0,
            "factor": 32.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 64,
        },
    )
    gemma = Gemma3TextConfig(
        vocab_size=40,
        hidden_size=32,
        intermediate_size=48,
        num_hidden_layers=3,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=64,
        sliding_window=4,
        layer_types=["sliding_attention", "sliding_attention", "full_attention"],
        use_bidirectional_attention=True,
    )
    for name, model in (
        ("vjepa2", VJEPA2Model(vjepa2)),
        ("llama", LlamaForCausalLM(llama)),
        ("gemma", Gemma3TextModel(gemma)),
    ):
        for parameter in model.parameters():  # norms and biases too, so that a forgotten one shows
            parameter.data += 0.05 * torch.randn_like(parameter)
        model.save_pretrained(root / name)
        (root / name / "tokenizer.json").write_bytes(tokenizer_file.read_bytes())
    return root


@pytest.fixture
def tiny_config(checkpoints: Path) -> Callable[..., dict[str, Any]]:
    """A config, as JSON, of the paper's architecture at the size of `checkpoints`; keyword arguments change it.

    `tiny_config(predictor={"layers": 3})` changes one setting of one section.
    """

    def build(**changes: dict[str, Any]) -> dict[str, Any]:
        config: dict[str, Any] = {
            "name": "tiny",
            "description": "a tiny VL-JEPA",
            "prompt": "describe the video",
            "embedding_size": 24,
            "frames_per_window": 4,
            "x_encoder": {
                "kind": "vjepa2",
                "source": str(checkpoints / "vjepa2"),
                "image_size": 32,
                "frames": 4,
                "width": 48,
                "layers": 2,
                "heads": 2,
            },
            "predictor": {
                "kind": "llama",
                "source": str(checkpoints / "llama"),
                "query_tokens": {
                    "kind": "table",
                    "source": str(checkpoints / "llama"),
                    "tokenizer": str(checkpoints / "llama"),
                    "vocabulary": 40,
                    "width": 64,
                },
                "layers": 2,
                "width": 64,
                "heads": 4,
                "kv_heads": 2,
                "mlp_width": 96,
                "rope_theta": 500000.0,
                "rope_scaling": {
                    "factor": 32.0,
                    "low_freq_factor": 1.0,
                    "high_freq_factor": 4.0,
                    "original_max_positions": 64,
                },
                "max_query_tokens": 16,
            },
            "y_encoder": {
                "tower": {
                    "kind": "embedding_gemma",
                    "source": str(checkpoints / "gemma"),
                    "tokenizer": str(checkpoints / "gemma"),
                    "vocabulary": 40,
                    "width": 32,
                    "layers": 3,
                    "heads": 2,
                    "kv_heads": 1,
                    "head_width": 16,
                    "mlp_width": 48,
                    "sliding_window": 4,
                    "sliding_pattern": 3,
                    "max_positions": 64,
                },
                "max_tokens": 16,
            },
        }
        config = json.loads(json.dumps(config))
        for section, settings in changes.items():
            if isinstance(settings, dict):
                config[section] |= settings
            else:
                config[section] = settings
        return config

    return build
