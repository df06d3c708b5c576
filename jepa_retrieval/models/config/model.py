"""The whole config of a model, read from and written to its JSON file."""

from __future__ import annotations

import dataclasses
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config.predictor import PredictorConfig
from jepa_retrieval.models.config.x_encoder import XEncoderConfig
from jepa_retrieval.models.config.y_encoder import YEncoderConfig
from jepa_retrieval.models.old_names import with_new_settings
from jepa_retrieval.settings import read_settings

FORMAT_VERSION = 1


@dataclass(frozen=True, kw_only=True)
class YDecoderConfig:
    """A small causal transformer from an embedding to tokens. Its weights and tokenizer are files of their own.

    It is trained after the other parts, and has no influence on embeddings.
    """

    vocabulary: int
    width: int
    layers: int
    heads: int
    mlp_width: int
    max_tokens: int  # of a sentence, its beginning and end included
    # Ŝ_Y is first replaced by the mean of so many stored points among captions' S_Y, weighted with
    # exp(cosine / temperature): it lies off the captions' place. 0: as it is.
    memory: int = 0
    temperature: float = 0.02
    dropout: float = 0.0

    def __post_init__(self) -> None:
        """The heads share the width."""
        if self.width % self.heads:
            raise ModelError(
                f"y_decoder.width {self.width} is not a multiple of y_decoder.heads {self.heads}"
            )


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """A named set of parts that share one embedding space."""

    name: str
    description: str
    prompt: str  # default query X_Q for indexing
    embedding_size: int  # E, dimensions of the shared space
    frames_per_window: int
    x_encoder: XEncoderConfig
    predictor: PredictorConfig
    y_encoder: YEncoderConfig
    y_decoder: YDecoderConfig | None = None
    # Of the X-Encoder's and the Predictor's products on a GPU. bfloat16 is twice as fast, and right for networks that
    # were trained so; float32 (with TF32 products) gives the embeddings of a CPU to a cosine of about 1e-6.
    precision: Literal["float32", "bfloat16"] = "float32"
    # Of the softmax over cosines that turns scores into probabilities: the loss's, when training ended.
    temperature: float = 0.07
    answers: str | None = (
        None  # path of a text file, one answer a line: what questions are answered with by default
    )
    # sha256 by what it is of (model.safetensors, a part's source, a tokenizer); written when a model is saved.
    digests: dict[str, str] = field(default_factory=dict)
    format_version: int = FORMAT_VERSION


def load_config(path: Path | str) -> ModelConfig:
    """Read a config; `ModelError` names the file and the setting at fault, and lists what is allowed."""
    path = Path(path)
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ModelError(f"{path}: there is no such model config") from None
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{path}: cannot be read ({error})") from error
    except json.JSONDecodeError as error:
        raise ModelError(f"{path}: not valid JSON ({error})") from error
    try:
        return parse_config(data)
    except ModelError as error:
        raise ModelError(f"{path}: {error}") from None


def save_config(config: ModelConfig, path: Path | str) -> None:
    """Write `config` as the JSON that `load_config` reads."""
    text = json.dumps(dataclasses.asdict(config), indent=2, ensure_ascii=False)
    Path(path).write_text(text + "\n", encoding="utf-8")


def parse_config(data: object) -> ModelConfig:
    """Build a config from parsed JSON."""
    version = data.get("format_version", FORMAT_VERSION) if isinstance(data, dict) else None
    if isinstance(version, int) and version > FORMAT_VERSION:
        raise ModelError(
            f"format_version {version} is newer than {FORMAT_VERSION}, the newest this release reads"
        )
    return read_settings(ModelConfig, with_new_settings(data), error=ModelError)
