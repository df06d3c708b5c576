"""V-JEPA 2's own predictor on a tiny random checkpoint: equal to `transformers`, and the surprise by it."""

import dataclasses
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn import functional
from transformers import PreTrainedConfig, VJEPA2Config, VJEPA2Model
from transformers.activations import ACT2FN

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models.config.vjepa2_checkpoint import Activation, VJepa2Checkpoint
from jepa_retrieval.models.modules.vjepa2_predictor import VJepa2WithPredictor
from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor, vjepa2_folder
from jepa_retrieval.tasks.foreseeing.pretrained import WindowProtocol, surprise_by_predictor, window_losses
from tests.media_factory import BLUE, RED, YELLOW, make_picture, make_video
from tests.vjepa2_checkpoint import SIDE, tiny_vjepa2

SHORT = WindowProtocol(frames=8, rate=4.0, contexts=(2, 4, 6))


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_vjepa2(tmp_path_factory.mktemp("vjepa2"))


@pytest.fixture
def clips() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (2, 8, SIDE, SIDE, 3), dtype=np.uint8)


@pytest.fixture
def theirs(checkpoint: Path) -> VJEPA2Model:
    return VJEPA2Model.from_pretrained(checkpoint).eval()


def as_they_want(clips: np.ndarray) -> torch.Tensor:
    """Scaled and normalised as their video processor does it, float [B, T, 3, H, W]."""
    mean, std = (torch.tensor(values) for values in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    return ((torch.from_numpy(clips).double() / 255 - mean) / std).float().permute(0, 1, 4, 2, 3)


def test_targets_are_the_layer_normed_tokens_of_transformers(
    theirs: VJEPA2Model, checkpoint: Path, clips: np.ndarray
) -> None:
    ours = VJepa2WithPredictor(VJEPA2Model.from_pretrained(checkpoint)).eval()
    with torch.no_grad():
        tokens = theirs(as_they_want(clips), skip_predictor=True).last_hidden_state
        found = ours.targets(ours.pixels(torch.from_numpy(clips)))
    torch.testing.assert_close(found, functional.layer_norm(tokens, (24,)), atol=1e-5, rtol=0)


@pytest.mark.parametrize("context", [2, 6])
def test_predictions_are_those_of_transformers(
    theirs: VJEPA2Model, checkpoint: Path, clips: np.ndarray, context: int
) -> None:
    ours = VJepa2WithPredictor(VJEPA2Model.from_pretrained(checkpoint)).eval()
    pixels = as_they_want(clips)
    places = torch.arange(16).expand(2, -1)
    seen = context // 2 * 4
    masks = {"context_mask": [places[:, :seen]], "target_mask": [places[:, seen:]]}
    with torch.no_grad():
        expected = theirs.predictor(theirs.encoder(pixels[:, :context]).last_hidden_state, **masks)
        found = ours.predict(ours.pixels(torch.from_numpy(clips)), context)
    assert found.shape == (2, 16 - seen, 24)
    torch.testing.assert_close(found, expected.last_hidden_state, atol=1e-5, rtol=0)


def test_losses_are_mean_absolute_differences(
    theirs: VJEPA2Model, checkpoint: Path, clips: np.ndarray
) -> None:
    found = PretrainedPredictor(checkpoint, device="cpu").losses(clips, (2, 4))
    pixels = as_they_want(clips)
    places = torch.arange(16).expand(2, -1)
    for row, seen in enumerate((4, 8)):
        with torch.no_grad():
            targets = functional.layer_norm(theirs.encoder(pixels).last_hidden_state, (24,))[:, seen:]
            context = theirs.encoder(pixels[:, : seen // 2]).last_hidden_state
            predicted = theirs.predictor(context, [places[:, :seen]], [places[:, seen:]]).last_hidden_state
        expected = (predicted - targets).abs().mean(dim=(1, 2))
        np.testing.assert_allclose(found[row], expected.numpy(), atol=1e-5)


def test_a_prediction_depends_on_the_context_alone(checkpoint: Path, clips: np.ndarray) -> None:
    ours = VJepa2WithPredictor(VJEPA2Model.from_pretrained(checkpoint)).eval()
    other = clips.copy()
    other[:, 4:] = 255 - other[:, 4:]
    with torch.no_grad():
        same, also = (ours.predict(ours.pixels(torch.from_numpy(one)), 4) for one in (clips, other))
    torch.testing.assert_close(same, also, atol=0, rtol=0)


def test_windows_slide_by_a_tubelet_over_a_video(checkpoint: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=6.0, scenes=[RED], fps=4)
    found = window_losses(video, PretrainedPredictor(checkpoint, device="cpu"), SHORT)
    np.testing.assert_allclose(found.times, np.arange(12) / 2, atol=0.01)
    assert np.isnan(found.losses).any(axis=0).tolist() == [True] * 3 + [False] * 9
    assert found.losses.shape == (3, 12) and found.end == pytest.approx(6.0, abs=0.01)
    np.testing.assert_array_equal(found.surprise[3:], found.losses[:, 3:].min(axis=0))
    assert (found.cuts.starts, found.cuts.flashes) == ([], [])


def test_no_window_reaches_across_a_cut(checkpoint: Path, tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=8.0, scenes=[YELLOW, BLUE], fps=4)
    predictor = PretrainedPredictor(checkpoint, device="cpu")
    found = surprise_by_predictor(video, predictor, protocol=SHORT, min_z=0.0)
    assert found.cuts == [4.0] and found.flashes == []
    assert [time for time, z in found.curve if z is None] == [0, 0.5, 1, 4, 4.5, 5]
    assert found.model == f"local:{checkpoint}" and found.partial is None


def test_what_cannot_be_windows_is_said(checkpoint: Path, tmp_path: Path) -> None:
    predictor = PretrainedPredictor(checkpoint, device="cpu")
    with pytest.raises(UsageError, match="is a picture"):
        window_losses(make_picture(tmp_path / "a.png", colour=RED), predictor)
    with pytest.raises(UsageError, match=r"has 4 frames at 4 frames per second; a window takes 8"):
        window_losses(make_video(tmp_path / "a.mp4", seconds=1.0), predictor, SHORT)
    with pytest.raises(UsageError, match=r"contexts must be multiples of 2 below 8, not \[3\]"):
        window_losses(tmp_path / "a.mp4", predictor, WindowProtocol(frames=8, contexts=(3,)))
    with pytest.raises(UsageError, match="frames must be a multiple of 2"):
        window_losses(tmp_path / "a.mp4", predictor, WindowProtocol(frames=7))


def test_folders_of_other_kinds(checkpoint: Path, tmp_path: Path) -> None:
    assert vjepa2_folder(f"local:{checkpoint}") == checkpoint == vjepa2_folder(str(checkpoint))
    assert vjepa2_folder("nano") is None
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "bert"}))
    assert vjepa2_folder(str(tmp_path)) is None
    with pytest.raises(ModelError, match="is not V-JEPA 2"):
        PretrainedPredictor(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps({"model_type": "vjepa2_1"}))
    with pytest.raises(ModelError, match=r"model_type is 'vjepa2_1' \(allowed: 'vjepa2'\)"):
        vjepa2_folder(str(tmp_path))


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"hidden_size": "x"}, r"hidden_size must be a whole number, not 'x'"),
        ({"num_attention_heads": 5}, r"hidden_size 24 is not a multiple of num_attention_heads 5"),
        (
            {"pred_num_attention_heads": 5},
            r"pred_hidden_size 12 is not a multiple of pred_num_attention_heads 5",
        ),
        ({"num_hidden_layers": -1}, r"num_hidden_layers is -1 \(allowed: 1 to 256\)"),
        ({"patch_size": [16, 8]}, r"patch_size must be a whole number, not \[16, 8\]"),
        ({"mlp_ratio": None}, r"mlp_ratio must be a number, not None"),
        ({"hidden_act": "foo"}, r"hidden_act is 'foo' \(allowed: gelu, .*\)"),
        ({"attention_probs_dropout_prob": "x"}, r"attention_probs_dropout_prob must be a number, not 'x'"),
        ({"crop_size": 10**9}, r"crop_size is 1000000000 \(allowed: 1 to 4,096\)"),
    ],
)
def test_a_config_that_cannot_be_used_is_refused_before_anything_is_loaded(
    tmp_path: Path, checkpoint: Path, change: dict[str, object], said: str
) -> None:
    config = json.loads((checkpoint / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps({**config, **change}))
    with pytest.raises(ModelError, match=rf"config\.json: {said}$"):
        PretrainedPredictor(tmp_path)


def test_the_settings_are_all_that_transformers_has() -> None:
    own = set(VJEPA2Config().to_dict()) - set(PreTrainedConfig().to_dict())
    assert own - {"model_type"} == {field.name for field in dataclasses.fields(VJepa2Checkpoint)}
    assert set(get_args(Activation)) <= set(ACT2FN)


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("model.safetensors", b"junk" * 9, "not a readable safetensors file"),
        ("pytorch_model.bin", b"junk" * 9, "is not a PyTorch checkpoint"),
        (
            "pytorch_model.bin",
            b"PK\3\4" + b"PK\5\6".ljust(22, b"\xee"),
            "is damaged, or not a PyTorch checkpoint",
        ),
        ("model.safetensors", None, "is not a file, but a pipe"),
        ("pytorch_model.bin", None, "is not a file, but a pipe"),
        ("config.json", b"junk", "not valid JSON"),
    ],
)
def test_junk_is_refused_before_anything_heavy_is_loaded(
    checkpoint: Path, tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    folder = tmp_path / "junk"
    folder.mkdir()
    shutil.copy(checkpoint / "config.json", folder)
    if content is None:
        os.mkfifo(folder / name)
    else:
        (folder / name).write_bytes(content)
    video = make_video(tmp_path / "a.mp4", seconds=2)
    script = f"""
import sys
from cli.main import main
status = main(["surprise", {str(video)!r}, "--model", {str(folder)!r}])
print([status, *(name for name in ("torch", "transformers", "av") if name in sys.modules)])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert f"{name}: {said}" in done.stderr
    assert done.stdout.strip() == "[2]"


def test_a_checkpoint_without_its_predictor_is_refused(
    checkpoint: Path, tmp_path: Path, clips: np.ndarray
) -> None:
    folder = tmp_path / "encoder"
    shutil.copytree(checkpoint, folder)
    tensors = {
        name: tensor for name, tensor in load_file(folder / "model.safetensors").items() if "encoder" in name
    }
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ModelError, match=r"tensors are missing, such as predictor\."):
        PretrainedPredictor(folder, device="cpu").losses(clips, (2,))
    (folder / "model.safetensors").unlink()
    with pytest.raises(ModelError, match="contains no weights"):
        PretrainedPredictor(folder)
    index = {"weight_map": dict.fromkeys(tensors, "model-1.safetensors")}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError, match=r"model-1\.safetensors: no such file"):
        PretrainedPredictor(folder)


def test_weights_that_are_not_finite_are_refused_in_several_files_too(
    checkpoint: Path, tmp_path: Path, clips: np.ndarray
) -> None:
    shutil.copy(checkpoint / "config.json", tmp_path)
    tensors = load_file(checkpoint / "model.safetensors")
    tensors["predictor.layernorm.bias"][0] = float("nan")
    names = sorted(tensors)
    places = {name: f"model-{number % 2}.safetensors" for number, name in enumerate(names)}
    for file in set(places.values()):
        save_file({name: tensors[name] for name in names if places[name] == file}, tmp_path / file)
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    with pytest.raises(ModelError, match=r"predictor\.layernorm\.bias has values that are not finite"):
        PretrainedPredictor(tmp_path, device="cpu").losses(clips, (2,))
