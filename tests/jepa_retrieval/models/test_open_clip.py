"""open_clip models, on OpenVINO: the numbers of open_clip itself, with a tiny random model."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.media import DecodeRequest, read_windows
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.models import load_model
from jepa_retrieval.models.config import OpenClipImageConfig
from jepa_retrieval.models.open_clip import open_clip_config

TINY = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 32, "head_width": 16, "patch_size": 16},
    "text_cfg": {"context_length": 77, "vocab_size": 49408, "width": 32, "heads": 2, "layers": 2},
}
TEXTS = ["a dog on the beach", "two people playing chess", ""]


@pytest.fixture(scope="module")
def reference(tmp_path_factory: pytest.TempPathFactory) -> tuple[Any, Path]:
    """A tiny CLIP that open_clip knows as tiny-clip-for-tests, and the file of its weights."""
    import open_clip
    import torch

    folder = tmp_path_factory.mktemp("open_clip")
    (folder / "tiny-clip-for-tests.json").write_text(json.dumps(TINY), encoding="utf-8")
    open_clip.add_model_config(folder)
    torch.manual_seed(0)
    model = open_clip.create_model("tiny-clip-for-tests").eval()
    torch.save(model.state_dict(), folder / "weights.pt")
    return model, folder / "weights.pt"


@pytest.fixture
def name(reference: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "cache"))
    return f"open_clip:tiny-clip-for-tests/{reference[1]}"


def test_the_numbers_are_those_of_open_clip(name: str, reference: tuple[Any, Path]) -> None:
    import open_clip
    import torch
    from PIL import Image

    clip, _ = reference
    frames = np.random.default_rng(0).integers(0, 256, (2, 3, 32, 32, 3), dtype=np.uint8)
    preprocess = open_clip.image_transform(32, is_train=False)
    pixels = torch.stack([preprocess(Image.fromarray(frame)) for frame in frames.reshape(-1, 32, 32, 3)])
    with torch.no_grad():
        images = clip.encode_image(pixels, normalize=True).unflatten(0, (2, 3))
        texts = clip.encode_text(open_clip.tokenize(TEXTS), normalize=True).numpy()
    videos = torch.nn.functional.normalize(images.mean(dim=1), dim=-1).numpy()

    model = load_model(name, device="cpu")
    tokens = model.x_encoder.encode(frames)
    assert tokens.shape == (2, 3, 16)
    unit = tokens / np.linalg.norm(tokens, axis=-1, keepdims=True)
    np.testing.assert_allclose(unit, images.numpy(), atol=1e-3)
    np.testing.assert_allclose(model.predictor.predict(tokens, ["", "?"]), videos, atol=1e-3)
    np.testing.assert_allclose(model.y_encoder.encode(TEXTS), texts, atol=1e-3)
    assert not model.predictor.query_conditioned
    assert model.fingerprint() == load_model(name).fingerprint()


@pytest.mark.parametrize("shape", [(300, 200), (90, 160), (200, 100), (33, 32)], ids=str)
@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize(
    ("mode", "interpolation", "fit"),
    [("shortest", "bicubic", "crop"), ("longest", "bicubic", "pad"), ("squash", "bilinear", "squeeze")],
)
def test_photographs_of_any_shape_are_prepared_as_open_clip_does(
    reference: tuple[Any, Path],
    tmp_path: Path,
    shape: tuple[int, int],
    ending: str,
    mode: str,
    interpolation: Any,
    fit: Any,
) -> None:
    """From the file to the embedding; an aspect of 2 is the longest that both treat alike."""
    import open_clip
    import torch
    from PIL import Image

    clip, _ = reference
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    path = tmp_path / f"photograph.{ending}"
    Image.fromarray(noise).resize((4 * shape[0], 4 * shape[1]), Image.Resampling.BICUBIC).save(
        path, quality=95
    )
    preprocess = open_clip.image_transform(32, is_train=False, resize_mode=mode, interpolation=interpolation)
    request = DecodeRequest(path, image_size=32, fit=Fit(fit, interpolation=interpolation))
    (window,) = read_windows(request)
    ours = open_clip.image_transform(32, is_train=False)(Image.fromarray(window.frames[0]))
    with torch.no_grad(), Image.open(path) as picture:
        pixels = torch.stack([preprocess(picture), ours])
        theirs, own = clip.encode_image(pixels, normalize=True)
    assert float(theirs @ own) > 1 - 1e-3


def test_each_tag_has_its_own_way_to_make_pictures_square(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path))
    ways = {}
    for name in ("ViT-B-32/laion2b_s34b_b79k", "ViT-B-16-SigLIP/webli", "MobileCLIP-S1/datacompdr"):
        encoder = open_clip_config(f"open_clip:{name}").x_encoder
        assert isinstance(encoder, OpenClipImageConfig)
        ways[name.partition("/")[0]] = (encoder.frame_fit, encoder.interpolation, encoder.short_side)
    assert ways == {
        "ViT-B-32": ("crop", "bicubic", 224),
        "ViT-B-16-SigLIP": ("squeeze", "bicubic", 224),
        "MobileCLIP-S1": ("crop", "bilinear", 256),
    }


def test_the_config_says_what_the_model_needs(name: str) -> None:
    config = open_clip_config(name)
    assert (config.embedding_size, config.x_encoder.image_size, config.x_encoder.token_size) == (16, 32, 16)


def test_preprocessing_is_that_of_the_tag() -> None:
    config = open_clip_config("open_clip:ViT-B-16-SigLIP/webli")
    assert config.x_encoder.mean == (0.5, 0.5, 0.5)
    assert open_clip_config("open_clip:ViT-B-32/laion2b_s34b_b79k").x_encoder.mean != (0.5, 0.5, 0.5)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("open_clip:ViT-B-32", "not of the form open_clip:ARCHITECTURE/TAG"),
        ("open_clip:ViT-Z-99/openai", "no architecture 'ViT-Z-99' (it has: "),
        ("open_clip:ViT-B-32/nothing", "no such tag of ViT-B-32 (tags: "),
        ("open_clip:ViT-B-32/openai", "use ViT-B-32-quickgelu"),
    ],
)
def test_errors_say_what_is_allowed(name: str, message: str) -> None:
    with pytest.raises(ModelError) as error:
        open_clip_config(name)
    assert message in str(error.value)


def test_weights_of_another_architecture_are_refused(
    reference: tuple[Any, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "cache"))
    import torch

    torch.save({"visual.proj": torch.ones(2, 2)}, tmp_path / "other.pt")
    model = load_model(f"open_clip:tiny-clip-for-tests/{tmp_path / 'other.pt'}", device="cpu")
    with pytest.raises(ModelError, match=r"other\.pt: not a checkpoint of open_clip's tiny-clip-for-tests"):
        model.y_encoder.encode(["a dog"])


def test_a_tag_that_was_fetched_before_needs_no_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from huggingface_hub import constants

    from jepa_retrieval.models.open_clip import locate_checkpoint

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    repository, commit = tmp_path / "models--laion--CLIP-ViT-B-32-laion2B-s34B-b79K", "abcd" * 10
    weights = repository / "snapshots" / commit / "open_clip_model.safetensors"
    weights.parent.mkdir(parents=True)
    weights.write_bytes(b"weights")
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(commit, encoding="utf-8")
    assert locate_checkpoint("ViT-B-32", "tag:laion2b_s34b_b79k", base=tmp_path) == weights
