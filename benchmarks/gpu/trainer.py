"""The trainer's whole loop on the card: files decoded by other processes, steps, evaluation, checkpoint, resumption.

The model and its data are made: a V-JEPA 2, a Predictor and a BERT with random weights; pictures and videos in plain
colours with captions that name them. The same first steps on the CPU in float32 say whether the losses agree.
"""

from __future__ import annotations

import csv
import dataclasses
import importlib
import json
import multiprocessing
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.gpu.facts import Facts, reason
from benchmarks.gpu.timing import peak_memory

NEEDED = ("accelerate", "av", "PIL", "pillow_heif", "matplotlib", "tokenizers", "platformdirs")
COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "yellow": (230, 230, 40)}
THINGS = ("ball", "cup", "car", "dog")
STEPS = 8  # of each of the two phases


class _StoppedError(Exception):
    """Ends a run as a signal would."""


def run(facts: Facts) -> None:
    """In float32 on both devices, then in bfloat16 with an interruption."""
    for name in NEEDED:
        try:
            importlib.import_module(name)
        except ImportError as error:
            facts.not_run("trainer", reason(error))
            return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_data(folder)
        _write_model(folder, size=64, width=96, layers=2)
        _float32(facts, folder)
        if not facts.smoke:
            _write_model(folder, size=256, width=768, layers=12)
        recipe = _recipe(folder, "whole", facts.device, "bf16", batch=8 if facts.smoke else 64)
        _interrupted(facts, folder, recipe)


def _float32(facts: Facts, folder: Path) -> None:
    """The losses of small models' first steps, beside those on the CPU."""
    try:
        found = _losses_apart(folder, facts.device)
        facts.say("float32", steps=len(found), losses=found.tolist())
        importlib.import_module("openvino")  # runs the frozen X-Encoder on a CPU
        exact = _losses_apart(folder, "cpu") if facts.device != "cpu" else found
        facts.say("float32", most_relative_difference_from_cpu=float(np.abs(found / exact - 1).max()))
    except Exception as error:
        facts.say("float32", failed=reason(error))


def _interrupted(facts: Facts, folder: Path, recipe: Path) -> None:
    """A run that ends after its first phase, and is continued."""
    from jepa_retrieval.training.config import load_config
    from jepa_retrieval.training.progress import TrainProgress
    from jepa_retrieval.training.stages import train

    seen: list[int] = []

    def stop(progress: TrainProgress) -> None:
        if progress.activity == "train":
            seen.append(progress.done)
            if progress.done == STEPS + 2:
                raise _StoppedError

    began = time.perf_counter()
    try:
        peak = peak_memory(lambda: _stopped(load_config(recipe), stop), facts.device)
        facts.say("bfloat16", seconds_to_the_interruption=time.perf_counter() - began, peak_gb=peak / 1e9)
        seen.clear()
        report = train(
            load_config(recipe),
            "pretrain",
            on_progress=lambda p: seen.append(p.done) if p.activity == "train" else None,
        )
        losses = _read_losses(folder / "whole")
        facts.say(
            "bfloat16",
            continued_at_step=seen[0],
            steps=len(losses),
            first_loss=float(losses[0]),
            last_loss=float(losses[-1]),
            samples_per_second=report.samples_per_second,
            metrics=report.metrics,
        )
    except Exception as error:
        facts.say("bfloat16", failed=reason(error))


def _stopped(config: Any, stop: Any) -> None:
    from jepa_retrieval.training.stages import train

    try:
        train(config, "pretrain", on_progress=stop)
    except _StoppedError:
        return
    raise AssertionError("the run was not interrupted")


def _losses_apart(folder: Path, device: str) -> np.ndarray:
    """The losses of a run in float32, in a process of its own: in one process all runs are on one device."""
    recipe = _recipe(folder, f"small-{device}", device, "fp32")
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(_train, recipe).result()
    return _read_losses(folder / recipe.stem)


def _train(recipe: Path) -> None:
    from jepa_retrieval.training.config import load_config
    from jepa_retrieval.training.stages import train

    train(load_config(recipe), "pretrain")


def _read_losses(output: Path) -> np.ndarray:
    with (output / "curves.csv").open() as file:
        return np.array([float(row["loss"]) for row in csv.DictReader(file) if row.get("loss")])


def _write_data(folder: Path) -> None:
    """64 pictures and 16 videos, each with a caption."""
    import av
    from PIL import Image

    random = np.random.default_rng(0)
    captions, films = [], []
    names = [(f"a {colour} {thing}", rgb) for colour, rgb in COLOURS.items() for thing in THINGS]
    for row in range(64):
        text, rgb = names[row % len(names)]
        noise = random.integers(-25, 25, (96, 128, 3))
        Image.fromarray(np.clip(noise + rgb, 0, 255).astype(np.uint8)).save(folder / f"{row}.png")
        captions.append(f"{row}.png#0\t{text}\n")
    for row, (text, rgb) in enumerate(names):
        with av.open(str(folder / f"{row}.mp4"), "w") as container:
            stream = container.add_stream("mpeg4", rate=10)
            stream.width, stream.height, stream.pix_fmt = 128, 96, "yuv420p"
            picture = np.broadcast_to(np.array(rgb, np.uint8), (96, 128, 3)).copy()
            for _ in range(30):
                container.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
            container.mux(stream.encode(None))
        films.append(json.dumps({"media": f"{row}.mp4", "captions": [text], "end": 2.0}) + "\n")
    (folder / "captions.token.txt").write_text("".join(captions))
    (folder / "films.jsonl").write_text("".join(films))


def _write_model(folder: Path, *, size: int, width: int, layers: int) -> None:
    """A config of V-JEPA 2, a Predictor and BERT, with random weights where they have to be there."""
    from transformers import VJEPA2Model

    from jepa_retrieval.models.config import VJepa2Config
    from jepa_retrieval.models.modules.vjepa2 import to_transformers

    text = _write_bert(folder / "bert", width=max(64, width // 2))
    heads = max(2, width // 64)
    vision = VJepa2Config(
        kind="vjepa2", source="vjepa2", image_size=size, frames=8, width=width, layers=layers, heads=heads
    )
    VJEPA2Model(to_transformers(vision)).save_pretrained(folder / "vjepa2")
    predictor = {
        "kind": "llama",
        "source": None,
        "layers": max(2, layers // 2),
        "width": width,
        "heads": 8,
        "kv_heads": 4,
        "mlp_width": 2 * width,
        "rope_theta": 10000.0,
        "vision_norm": True,
        "query_tokens": {**text, "frozen": True},
    }
    config = {
        "name": "made",
        "description": "random weights",
        "prompt": "",
        "embedding_size": 128,
        "frames_per_window": 8,
        "x_encoder": dataclasses.asdict(vision),
        "predictor": predictor,
        "y_encoder": {"tower": text, "max_tokens": 16},
    }
    (folder / "config.json").write_text(json.dumps(config))


def _write_bert(folder: Path, *, width: int) -> dict[str, Any]:
    """A BERT of two layers with a tokenizer of whole words; its section of a model's config."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    words = ["[PAD]", "[UNK]", "[CLS]", "a", *COLOURS, *THINGS]
    numbers = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordLevel(numbers, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.Lowercase()
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(single="[CLS] $A", special_tokens=[("[CLS]", 2)])
    config = BertConfig(
        vocab_size=len(words),
        hidden_size=width,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=2 * width,
        max_position_embeddings=32,
    )
    torch.manual_seed(0)
    BertModel(config, add_pooling_layer=False).save_pretrained(folder)
    tokenizer.save(str(folder / "tokenizer.json"))
    return {
        "kind": "bert",
        "source": folder.name,
        "tokenizer": folder.name,
        "vocabulary": len(words),
        "width": width,
        "layers": 2,
        "heads": 4,
        "mlp_width": 2 * width,
        "max_positions": 32,
        "frozen": False,
    }


def _recipe(folder: Path, name: str, device: str, precision: str, *, batch: int = 8) -> Path:
    """Pictures as one frame, then videos as eight, both decoded anew for every batch."""
    path = folder / f"{name}.toml"
    path.write_text(
        f"""
        [model]
        init = "config.json"
        [run]
        output = "{name}"
        device = "{device}"
        precision = "{precision}"
        log_every = 1
        checkpoint_every = {STEPS}
        evaluate_every = {STEPS}
        [tokens]
        mode = "online"
        workers = 2
        [optim]
        learning_rate = 1e-3
        [[phases]]
        name = "images"
        steps = {STEPS}
        batch_size = {batch}
        micro_batch = {batch // 2}
        frames = 1
        sources = ["pictures"]
        [[phases]]
        name = "video"
        steps = {STEPS}
        batch_size = {batch}
        micro_batch = {batch // 4}
        frames = 8
        sources = ["films"]
        [[sources]]
        name = "pictures"
        format = "captions"
        path = "captions.token.txt"
        [[sources]]
        name = "films"
        format = "jsonl"
        path = "films.jsonl"
        [[evaluate]]
        name = "dev"
        format = "jsonl"
        path = "films.jsonl"
        """
    )
    return path
