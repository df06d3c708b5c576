"""Names of models, and what an unknown one is told."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import pytest

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models import list_models, load_model
from jepa_retrieval.models.fingerprint import fingerprint
from jepa_retrieval.models.registry import model_config


def test_nano_is_listed_and_ready() -> None:
    listed = {model.name: model for model in list_models()}
    assert listed["nano"].ready
    assert listed["nano"].description


def test_an_unknown_name_lists_what_is_allowed() -> None:
    with pytest.raises(ModelError, match=r"unknown model 'nona'.*nano.*local:FOLDER.*open_clip:"):
        load_model("nona")


def test_a_local_folder_without_a_model_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        load_model(f"local:{tmp_path}")


def test_an_unknown_device_lists_what_is_allowed() -> None:
    with pytest.raises(UsageError, match="auto, cpu, cuda"):
        load_model("nano", device="tpu")  # type: ignore[arg-type]


def test_cuda_without_a_gpu_is_refused() -> None:
    import torch

    if torch.cuda.is_available():
        pytest.skip("there is a GPU here")
    with pytest.raises(ModelError, match="GPU"):
        load_model("nano", device="cuda")


def test_the_fingerprint_depends_on_the_prompt_alone() -> None:
    model = load_model("nano")
    assert model.fingerprint() == model.fingerprint(model.prompt) == load_model("nano").fingerprint()
    assert model.fingerprint("another prompt") != model.fingerprint()
    assert int(model.fingerprint(), 16)


def test_importing_the_package_and_naming_a_model_imports_nothing_heavy() -> None:
    code = (
        "import sys; from jepa_retrieval.models import load_model; load_model('nano').fingerprint();"
        "print([name for name in ('torch', 'openvino', 'timm', 'transformers', 'open_clip') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_environment_names_the_device_that_is_meant_by_auto(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JEPA_DEVICE", "tpu")
    with pytest.raises(UsageError, match=r"\$JEPA_DEVICE must be one of auto, cpu, cuda, not 'tpu'"):
        load_model("nano")
    assert load_model("nano", device="cpu").device_of("x_encoder") == "cpu"
    monkeypatch.setenv("JEPA_DEVICE", "cpu")
    assert load_model("nano").device_of("x_encoder") == "cpu"


def test_precision_belongs_to_the_fingerprint() -> None:
    config = dataclasses.replace(model_config("nano"), digests={"model.safetensors": "0" * 64})
    reduced = dataclasses.replace(config, precision="bfloat16")
    assert fingerprint(config) != fingerprint(reduced)
    assert model_config("nano").precision == "float32"
    assert model_config("vljepa").precision == "bfloat16"
