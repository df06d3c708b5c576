"""Equal fingerprints mean equal embeddings, and nothing else changes them."""

import dataclasses
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import (
    MeanPoolConfig,
    ModelConfig,
    OpenClipImageConfig,
    OpenClipTextConfig,
    YEncoderConfig,
    load_config,
    parse_config,
)
from jepa_retrieval.models.fingerprint import digest_of_files, fingerprint, fingerprint_of_x_encoder
from jepa_retrieval.models.registry import CONFIGS, WEIGHTS


@pytest.fixture
def config(tiny_config: Callable[..., dict[str, Any]]) -> ModelConfig:
    return parse_config(tiny_config() | {"digests": {"model.safetensors": "ab" * 32}})


def test_names_and_places_do_not_count(config: ModelConfig) -> None:
    moved = dataclasses.replace(config.x_encoder, source="/elsewhere/vjepa2")
    other = dataclasses.replace(
        config, name="other", description="", x_encoder=moved, temperature=0.5, answers="answers.txt"
    )
    assert fingerprint(other) == fingerprint(config)


@pytest.mark.parametrize(
    "change",
    [
        {"digests": {"model.safetensors": "cd" * 32}},
        {"embedding_size": 25},
        {"frames_per_window": 8},
    ],
)
def test_weights_and_settings_count(config: ModelConfig, change: dict[str, Any]) -> None:
    assert fingerprint(dataclasses.replace(config, **change)) != fingerprint(config)


def test_the_prompt_counts(config: ModelConfig) -> None:
    assert fingerprint(config, config.prompt) == fingerprint(config)
    assert fingerprint(config, "") != fingerprint(config)


def test_unknown_weights_have_no_fingerprint(config: ModelConfig) -> None:
    with pytest.raises(ModelError, match="records no digests"):
        fingerprint(dataclasses.replace(config, digests={}))


def test_a_public_tag_stands_for_its_weights() -> None:
    def tagged(tag: str) -> ModelConfig:
        tower: dict[str, Any] = {"kind": "open_clip", "architecture": "A", "source": tag, "width": 4}
        return ModelConfig(
            name="m",
            description="",
            prompt="",
            embedding_size=4,
            frames_per_window=1,
            x_encoder=OpenClipImageConfig(**tower, image_size=8, mean=(0.5,), std=(0.5,)),
            predictor=MeanPoolConfig(kind="mean_pool"),
            y_encoder=YEncoderConfig(tower=OpenClipTextConfig(**tower), pooling="tower", head="none"),
        )

    assert fingerprint(tagged("tag:one")) != fingerprint(tagged("tag:two"))
    with pytest.raises(ModelError, match="records no digests"):
        fingerprint(tagged("weights.pt"))


def test_digest_of_one_file_is_its_sha256(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"abc")
    assert digest_of_files([tmp_path / "a"]) == hashlib.sha256(b"abc").hexdigest()
    with pytest.raises(ModelError, match="missing: cannot be read"):
        digest_of_files([tmp_path / "missing"])


def test_defaults_and_what_acts_in_training_alone_do_not_count() -> None:
    """So that a release that adds a setting still opens the indexes of the last one."""
    config = load_config(CONFIGS / "nano.json")
    config = dataclasses.replace(config, digests={"model.safetensors": "a"})
    data = json.loads((CONFIGS / "nano.json").read_text())
    data["predictor"]["dropout"] = 0.7
    data["predictor"]["causal"] = False  # written out, but the default
    changed = dataclasses.replace(parse_config(data), digests=config.digests)
    assert fingerprint(changed) == fingerprint(config)
    data["predictor"]["causal"] = True
    changed = dataclasses.replace(parse_config(data), digests=config.digests)
    assert fingerprint(changed) != fingerprint(config)


def test_the_x_encoders_own_fingerprint_outlives_a_training() -> None:
    config = load_config(CONFIGS / "nano.json")
    towers = {"x_encoder.towers.0": "a", "x_encoder.towers.1": "b"}
    before, after, other, bundled, retrained = (
        dataclasses.replace(config, digests=digests)
        for digests in (
            towers | {"model.safetensors": "c"},
            towers | {"model.safetensors": "d"},
            towers | {"x_encoder.towers.1": "e"},
            {"model.safetensors": "c"},
            {"model.safetensors": "d"},
        )
    )
    assert fingerprint_of_x_encoder(before) == fingerprint_of_x_encoder(after)
    assert fingerprint_of_x_encoder(before) != fingerprint_of_x_encoder(other)
    assert fingerprint_of_x_encoder(bundled) != fingerprint_of_x_encoder(retrained)


def test_nano_keeps_its_fingerprint() -> None:
    """Indexes carry it: another one would make every existing index unusable."""
    config = load_config(WEIGHTS / "nano" / "config.json")
    assert fingerprint(config) == "7055db1bc7b0552a0de3d28c115fe1924cd74be97e0a1a8b6b75b4565b9cc6f1"
    own = fingerprint_of_x_encoder(config)
    assert own == "d054dfdb0efdd02155bf5085b6da4d3d40f917907c0da8cc16be549de68fa94d"


@pytest.mark.parametrize("model", ["nano", "vljepa"])
def test_how_pictures_become_square_counts_unless_they_are_squeezed(model: str) -> None:
    """Squeezing is what every index has whose fingerprint says nothing of it."""
    config = dataclasses.replace(load_config(CONFIGS / f"{model}.json"), digests={"model.safetensors": "a"})

    def fitted(fit: str) -> str:
        encoder = dataclasses.replace(config.x_encoder, frame_fit=fit)
        return fingerprint(dataclasses.replace(config, x_encoder=encoder))

    old = json.loads(json.dumps(dataclasses.asdict(config)))
    assert len({fitted("squeeze"), fitted("crop"), fitted("pad")}) == 3
    assert fingerprint(config) == fitted({"nano": "squeeze", "vljepa": "crop"}[model])
    del old["x_encoder"]["frame_fit"]
    assert fingerprint(parse_config(old)) == fingerprint(config)
