"""The fingerprint of a model: equal fingerprints, equal embeddings. Imports nothing heavy."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import EfficientNetLiteConfig, MeanPoolConfig, ModelConfig
from jepa_retrieval.models.old_names import hashed_name
from jepa_retrieval.user_paths import not_a_file

# What may differ between two copies of a model without changing an embedding.
_NOT_HASHED = {
    "name",
    "description",
    "prompt",
    "y_decoder",
    "frozen",
    "format_version",
    # These act on embeddings, after them.
    "temperature",
    "answers",
    "languages",
    # These act in training alone.
    "dropout",
    "vision_dropout",
    "hidden_dropout",
    "attention_dropout",
}
_PLACES = {"source", "tokenizer"}
# The values that all models had before the setting existed: like defaults, they are left out of a fingerprint.
_UNTOLD = {"frame_fit": "squeeze"}


def is_remote(source: str) -> bool:
    """Whether a source is a public repository, whose name stands for its content: it is taken not to change."""
    return source.startswith(("hub:", "tag:"))


def fingerprint(config: ModelConfig, prompt: str | None = None) -> str:
    """Hex sha256 of the config, the digests of weights and tokenizers, and the prompt (None: the default).

    No weights are read: their digests were recorded in the config when the model was saved, and are compared with the
    files when these are loaded.

    Raises:
        ModelError: the config has no digests, so that its weights are unknown.
    """
    if not config.digests and not _is_all_remote(config):
        raise ModelError(
            f"{config.name}: the config records no digests of weights; save the model to record them"
        )
    # Neither the Y-Decoder's settings nor its files have an influence on embeddings.
    digests = {name: digest for name, digest in config.digests.items() if not name.startswith("y_decoder")}
    config = dataclasses.replace(config, digests=digests)
    return _digest({"config": _hashed(config), "prompt": config.prompt if prompt is None else prompt})


def fingerprint_of_x_encoder(config: ModelConfig) -> str:
    """Hex sha256 of the X-Encoder alone, which stays the same while the parts around it are trained."""
    section = config.x_encoder
    digests = {name: digest for name, digest in config.digests.items() if name.startswith("x_encoder")}
    towers = len(section.towers) if isinstance(section, EfficientNetLiteConfig) else 1
    if len(digests) < towers:  # its weights are stored with those of the other parts
        return fingerprint(config, "")
    return _digest({"x_encoder": _hashed(section), "digests": digests})


def digest_of_files(paths: Iterable[Path]) -> str:
    """Hex sha256 of the files' content, one after the other; of a single file, its usual sha256."""
    digest = hashlib.sha256()
    for path in paths:
        if (fault := not_a_file(path)) is not None:  # opening a pipe would wait for its writer
            raise ModelError(f"{path}: {fault}")
        try:
            with path.open("rb") as file:
                while block := file.read(1 << 20):
                    digest.update(block)
        except OSError as error:
            raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    return digest.hexdigest()


def _digest(content: object) -> str:
    return hashlib.sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()


def _hashed(value: Any) -> Any:
    """Settings as plain values, without those that have their default: a new setting changes no old fingerprint."""
    if dataclasses.is_dataclass(value):
        fields = [(field, getattr(value, field.name)) for field in dataclasses.fields(value)]
        return {
            hashed_name(field.name): _hashed(item)
            for field, item in fields
            if item != _UNTOLD.get(field.name, field.default) and _counts(field.name, item)
        }
    return [_hashed(item) for item in value] if isinstance(value, list | tuple) else value


def _is_all_remote(config: ModelConfig) -> bool:
    """Whether no weights are the model's own: two towers of a public repository, as open_clip's tags are."""
    if not isinstance(config.predictor, MeanPoolConfig) or config.y_encoder.head != "none":
        return False
    image, text = config.x_encoder, config.y_encoder.tower
    if isinstance(image, EfficientNetLiteConfig):
        return False
    return all(part.frozen and is_remote(part.source or "") for part in (image, text))


def _counts(key: str, value: Any) -> bool:
    """Whether a setting is part of the fingerprint: names are not, nor are locations whose content has a digest."""
    if key in _PLACES:
        return isinstance(value, str) and is_remote(value)
    return key not in _NOT_HASHED
