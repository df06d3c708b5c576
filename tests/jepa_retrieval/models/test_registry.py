"""Names of models, and what an unknown one is told."""

import subprocess
import sys
from pathlib import Path

import pytest

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models import list_models, load_model


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
