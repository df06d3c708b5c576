"""The whole config of a model, read from and written to its JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from indexes.files import write_atomically
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.predictor import ConceptsConfig, MeanPoolConfig, PredictorConfig
from jepa_retrieval.models.config.ranges import (
    Dropout,
    Frames,
    Heads,
    Layers,
    OptionalTokens,
    Temperature,
    Vocabulary,
    Width,
    check_multiple,
)
from jepa_retrieval.models.config.text_towers import TextTowerConfig
from jepa_retrieval.models.config.x_encoder import EfficientNetLiteConfig, XEncoderConfig
from jepa_retrieval.models.config.y_encoder import YEncoderConfig
from jepa_retrieval.models.old_names import with_new_settings
from jepa_retrieval.settings import read_settings
from jepa_retrieval.text_files import read_json

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class YDecoderConfig:
    """A small causal transformer from an embedding to tokens. Its weights and tokenizer are files of their own.

    It is trained after the other parts, and has no influence on embeddings.
    """

    vocabulary: Vocabulary
    width: Width
    layers: Layers
    heads: Heads
    mlp_width: Width
    max_tokens: Width  # of a sentence, its beginning and end included
    # Ŝ_Y lies outside the region of caption embeddings S_Y, so it is first replaced by the mean of this many stored
    # points among them, weighted with exp(cosine / temperature). 0: it is decoded as it is.
    memory: OptionalTokens = 0
    temperature: Temperature = 0.02
    dropout: Dropout = 0.0

    def __post_init__(self) -> None:
        """Raise `ModelError` unless the width is a multiple of the number of heads."""
        check_multiple("y_decoder.width", self.width, "y_decoder.heads", self.heads)


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A named set of parts that share one embedding space."""

    name: str
    description: str
    prompt: str  # default query X_Q for indexing
    embedding_size: Width  # E, dimensions of the shared space
    frames_per_window: Frames
    x_encoder: XEncoderConfig
    predictor: PredictorConfig
    y_encoder: YEncoderConfig
    y_decoder: YDecoderConfig | None = None
    # Of matrix products in the X-Encoder and the Predictor on a GPU. bfloat16 is twice as fast, and suits networks
    # that were trained in it; float32 (with TF32 products) reproduces the embeddings of a CPU to a cosine of about
    # 1e-6.
    precision: Literal["float32", "bfloat16"] = "float32"
    # Of the softmax over cosines that turns scores into probabilities: the last temperature of the loss.
    temperature: Temperature = 0.07
    answers: str | None = (
        None  # path of a text file, one answer a line: what questions are answered with by default
    )
    # ISO 639-1 codes of the languages of its training texts; empty: not stated, and no text is reported as foreign.
    languages: tuple[str, ...] = ()
    # sha256 of model.safetensors, of parts' sources and of tokenizers, by name; written when a model is saved.
    digests: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION

    def __post_init__(self) -> None:
        """Raise `ModelError` for parts that do not fit each other."""
        tower, head = self.y_encoder.tower, self.y_encoder.head
        if isinstance(self.predictor, MeanPoolConfig):
            check_equal("x_encoder's token size", self.x_encoder.token_size, self.embedding_size)
        elif self.predictor.concepts is not None:
            check_concepts(self.predictor.concepts, self.x_encoder, tower)
        if head == "none":
            check_equal("y_encoder.tower.width", tower.width, self.embedding_size)


def check_equal(name: str, size: int, embedding_size: int) -> None:
    """`ModelError` unless a part that nothing projects has the size of the shared space."""
    if size != embedding_size:
        raise ModelError(
            f"{name} is {size}, but embedding_size is {embedding_size} and nothing projects to it"
        )


def check_concepts(concepts: ConceptsConfig, x_encoder: XEncoderConfig, tower: TextTowerConfig) -> None:
    """`ModelError` unless each classifier has a tower, and the names have the text tower's width."""
    towers = len(x_encoder.towers) if isinstance(x_encoder, EfficientNetLiteConfig) else 0
    if not isinstance(x_encoder, EfficientNetLiteConfig) or x_encoder.combine != "channels":
        raise ModelError('predictor.concepts needs an efficientnet_lite x_encoder with combine = "channels"')
    if len(concepts.sources) != towers:
        count = len(concepts.sources)
        raise ModelError(f"predictor.concepts.sources has {count} entries for {towers} x_encoder.towers")
    if concepts.width != tower.width:
        raise ModelError(
            f"predictor.concepts.width is {concepts.width}, but y_encoder.tower.width is {tower.width}"
        )


def load_config(path: Path | str) -> ModelConfig:
    """Read a config; `ModelError` names the file and the setting at fault, and lists what is allowed."""
    path = Path(path)
    data = read_json(path, error=ModelError, what="model config")
    try:
        return parse_config(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def save_config(config: ModelConfig, path: Path | str) -> None:
    """Write `config` as the JSON that `load_config` reads; the file appears whole or not at all."""
    text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
    write_atomically(Path(path), (text + "\n").encode(), durable=False)


def parse_config(data: object) -> ModelConfig:
    """Build a config from parsed JSON."""
    version = data.get("format_version", FORMAT_VERSION) if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelError(
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest this release reads"
        )
    return read_settings(ModelConfig, with_new_settings(data), error=ModelError)
