"""Configs are read strictly, and errors name the setting."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from jepa_retrieval import models
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import (
    BertConfig,
    EfficientNetLiteConfig,
    GemmaConfig,
    LlamaPredictorConfig,
    load_config,
    parse_config,
    save_config,
)

PACKAGED = sorted((Path(models.__file__).parent / "configs").glob("*.json"))

TinyConfig = Callable[..., dict[str, Any]]


@pytest.mark.parametrize("path", PACKAGED, ids=lambda path: path.stem)
def test_packaged_configs_load(path: Path) -> None:
    assert load_config(path).name == path.stem


def test_sections_become_the_kind_that_they_name(tiny_config: TinyConfig) -> None:
    config = parse_config(tiny_config())
    assert isinstance(config.predictor, LlamaPredictorConfig)
    assert isinstance(config.y_encoder.tower, GemmaConfig)
    assert config.x_encoder.token_size == 48
    assert config.x_encoder.tokens_per_frame * 4 == 2 * 2 * 2  # 2 tubelets of 2 x 2 patches
    assert config.y_decoder is None


def test_what_is_saved_is_what_is_read(tiny_config: TinyConfig, tmp_path: Path) -> None:
    config = parse_config(tiny_config())
    save_config(config, tmp_path / "config.json")
    assert load_config(tmp_path / "config.json") == config


def test_tokens_of_efficientnet_towers(tiny_config: TinyConfig) -> None:
    section = {
        "kind": "efficientnet_lite",
        "image_size": 64,
        "grid": 3,
        "towers": [
            {"name": "lite0", "source": None, "image_size": 64},
            {"name": "lite2", "source": None, "image_size": 64},
        ],
    }
    joined = parse_config(tiny_config() | {"x_encoder": section}).x_encoder
    assert isinstance(joined, EfficientNetLiteConfig)
    assert (joined.tokens_per_frame, joined.token_size) == (10, 2560)
    lined_up = parse_config(tiny_config() | {"x_encoder": section | {"combine": "tokens"}}).x_encoder
    assert (lined_up.tokens_per_frame, lined_up.token_size) == (20, 1280)


def test_query_tokens_may_be_contextual(tiny_config: TinyConfig) -> None:
    tokens = {"kind": "bert", "source": None, "tokenizer": "t", "vocabulary": 9, "width": 8}
    tokens |= {"layers": 1, "heads": 2, "mlp_width": 8}
    config = parse_config(tiny_config(predictor={"query_tokens": tokens}))
    assert isinstance(config.predictor, LlamaPredictorConfig)
    assert isinstance(config.predictor.query_tokens, BertConfig)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictor": {"layerz": 3}}, "predictor.layerz is not a setting (allowed: kind, source, "),
        (
            {"x_encoder": {"kind": "resnet"}},
            "x_encoder.kind is 'resnet' (allowed: vjepa2, efficientnet_lite, ",
        ),
        ({"x_encoder": {"layers": "2"}}, "x_encoder.layers must be a whole number, not '2'"),
        ({"x_encoder": {"layers": True}}, "x_encoder.layers must be a whole number, not True"),
        ({"x_encoder": {"layers": 2.5}}, "x_encoder.layers must be a whole number, not 2.5"),
        ({"predictor": {"causal": 1}}, "predictor.causal must be true or false, not 1"),
        ({"y_encoder": {"pooling": "max"}}, "y_encoder.pooling is 'max' (allowed: mean, first, tower)"),
        ({"predictor": {"rope_scaling": {"factor": 2}}}, "predictor.rope_scaling.low_freq_factor is missing"),
        ({"predictor": None}, "predictor must not be null"),
        ({"y_encoder": []}, "y_encoder must hold settings, not []"),
    ],
)
def test_errors_name_the_setting(tiny_config: TinyConfig, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ModelError) as error:
        parse_config(tiny_config(**changes))
    assert message in str(error.value)


def test_a_missing_section_is_named(tiny_config: TinyConfig) -> None:
    config = tiny_config()
    del config["y_encoder"]
    with pytest.raises(ModelError, match="y_encoder is missing"):
        parse_config(config)


def test_file_errors_name_the_file(tiny_config: TinyConfig, tmp_path: Path) -> None:
    path = tmp_path / "model.json"
    with pytest.raises(ModelError, match=r"model\.json: there is no such model config"):
        load_config(path)
    path.write_text("{", encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.json: not valid JSON"):
        load_config(path)
    path.write_text(json.dumps(tiny_config() | {"colour": "red"}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"model\.json: colour is not a setting \(allowed: name, "):
        load_config(path)


def test_a_newer_format_is_refused(tiny_config: TinyConfig) -> None:
    with pytest.raises(ModelError, match="format_version 99 is newer than 1"):
        parse_config(tiny_config() | {"format_version": 99})
