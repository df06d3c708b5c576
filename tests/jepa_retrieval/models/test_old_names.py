"""Model folders of earlier releases are read as they are, and keep their fingerprints."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.config import load_config, parse_config
from jepa_retrieval.models.fingerprint import digest_of_files, fingerprint
from jepa_retrieval.models.old_names import with_new_tensors
from jepa_retrieval.models.registry import WEIGHTS
from jepa_retrieval.models.storage import read_model, write_model

NANO = WEIGHTS / "nano"


def old_config() -> dict[str, object]:
    """nano's config as the first release wrote it."""
    text = (NANO / "config.json").read_text()
    for new, old in (("hubness", "levelling"), ("fixed_directions", "kept"), ("fixed_share", "kept_share")):
        text = text.replace(f'"{new}":', f'"{old}":')
    config: dict[str, object] = json.loads(text)
    return config


def test_an_old_config_reads_as_the_new_one() -> None:
    assert parse_config(old_config()) == load_config(NANO / "config.json")


def test_a_config_with_both_names_is_refused() -> None:
    config = json.loads((NANO / "config.json").read_text())
    config["predictor"]["levelling"] = {"bank": 1, "share": 0.5}
    with pytest.raises(ModelError, match=r"predictor\.levelling is not a setting"):
        parse_config(config)


@pytest.mark.parametrize("config", [[], None, {"predictor": []}, {"predictor": {"concepts": 3}}])
def test_what_is_no_config_is_left_to_the_strict_reader(config: object) -> None:
    with pytest.raises(ModelError):
        parse_config(config)


def test_weights_with_old_names_read_the_same_and_are_written_with_new_ones(tmp_path: Path) -> None:
    stored = load_file(NANO / "model.safetensors")
    old = {old_tensor(name): tensor for name, tensor in stored.items()}
    assert "predictor.levelled.usual" in old and "predictor.kept.basis" in old
    assert "y_encoder.head.kept.basis" in old
    shutil.copytree(NANO, tmp_path / "old")
    save_file(old, tmp_path / "old" / "model.safetensors")
    config = old_config()
    digest = digest_of_files([tmp_path / "old" / "model.safetensors"])
    config["digests"] = load_config(NANO / "config.json").digests | {"model.safetensors": digest}
    (tmp_path / "old" / "config.json").write_text(json.dumps(config))
    model = read_model(tmp_path / "old")
    expected = read_model(NANO).state_dict()
    assert all(torch.equal(tensor, expected[name]) for name, tensor in model.state_dict().items())
    write_model(model, tmp_path / "new")
    written = load_file(tmp_path / "new" / "model.safetensors")
    assert "predictor.hubness.mean_hubness" in written and "y_encoder.head.fixed.basis" in written
    assert set(with_new_tensors(written)) == set(written)


def old_tensor(name: str) -> str:
    """A tensor's name in the first release."""
    names = {
        "predictor.hubness.mean_hubness": "predictor.levelled.usual",
        "predictor.hubness.": "predictor.levelled.",
        "predictor.fixed.": "predictor.kept.",
        "y_encoder.head.fixed.": "y_encoder.head.kept.",
    }
    new = next((new for new in names if name.startswith(new)), None)
    return name if new is None else names[new] + name.removeprefix(new)


def test_the_fingerprint_does_not_depend_on_which_names_the_files_have(tmp_path: Path) -> None:
    """Of two folders with equal weights files, one config with old names and one with new."""
    config = old_config()
    save_file({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    digests = {"model.safetensors": digest_of_files([tmp_path / "model.safetensors"])}
    new = json.loads((NANO / "config.json").read_text()) | {"digests": digests}
    assert fingerprint(parse_config(config | {"digests": digests})) == fingerprint(parse_config(new))
