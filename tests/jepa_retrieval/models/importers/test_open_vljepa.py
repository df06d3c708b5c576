"""Open-VLJEPA checkpoints: every tensor is placed, and the result computes what that code computes."""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors
from jepa_retrieval.models.config import ModelConfig, load_config, parse_config
from jepa_retrieval.models.importers.open_vljepa import import_open_vljepa
from jepa_retrieval.models.modules.vl_jepa import TextBatch
from jepa_retrieval.models.storage import read_model

State = dict[str, Tensor]


@pytest.fixture
def architecture(tiny_config: Callable[..., dict[str, Any]]) -> ModelConfig:
    return parse_config(tiny_config())


@pytest.fixture(scope="module")
def state(checkpoints: Path) -> State:
    """What that code saves: Predictor and Y-Encoder, without the frozen X-Encoder."""
    torch.manual_seed(3)
    llama, gemma = read_tensors(checkpoints / "llama"), read_tensors(checkpoints / "gemma")
    predictor = {
        f"layers.{int(name.split('.')[2]) - 4}.{name.split('.', 3)[3]}": tensor
        for name, tensor in llama.items()
        if name.startswith(("model.layers.4.", "model.layers.5."))
    }
    predictor |= {"embed_tokens.weight": llama["model.embed_tokens.weight"]}
    predictor |= {"norm.weight": llama["model.norm.weight"]}
    predictor |= {"vis_proj.weight": torch.randn(64, 48) / 7, "vis_proj.bias": torch.randn(64)}
    predictor |= {"out_proj.weight": torch.randn(24, 64) / 8, "out_proj.bias": torch.randn(24)}
    head = {"projector.weight": torch.randn(24, 32) / 6, "projector.bias": torch.randn(24)}
    tensors = {f"predictor.{name}": tensor for name, tensor in predictor.items()}
    tensors |= {f"y_encoder.model.{name}": tensor for name, tensor in gemma.items()}
    return tensors | {f"y_encoder.{name}": tensor for name, tensor in head.items()}


def save(path: Path, state: State, **config: Any) -> Path:
    settings = {
        "encoder": {"model_name": "facebook/vjepa2-vitl-fpc64-256", "output_dim": None},
        "predictor": {"n_keep_layers": 2, "proj_dim": 24, "disable_causal_mask": True},
        "y_encoder": {"proj_dim": 24},
        "data": {"num_frames": 4, "image_size": 32, "max_query_len": 12, "max_caption_len": 14},
    } | config
    torch.save({"epoch": 3, "model_state_dict": state, "loss": 1.5, "config": settings}, path)
    return path


# --- That code's arithmetic, derived again from its description ---------------------------------------------


def rms_norm(x: Tensor, weight: Tensor) -> Tensor:
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + 1e-5) * weight


def rotary_frequencies() -> Tensor:
    """Llama 3's, scaled by 32 beyond wavelengths of 64 positions and blended from 16 on; heads of 16 channels."""
    frequencies = 500000.0 ** -(torch.arange(0, 16, 2) / 16)
    wavelengths = 2 * math.pi / frequencies
    blend = (64 / wavelengths - 1.0) / (4.0 - 1.0)
    blended = (1 - blend) * frequencies / 32 + blend * frequencies
    return torch.where(
        wavelengths < 16, frequencies, torch.where(wavelengths > 64, frequencies / 32, blended)
    )


def rotate(x: Tensor) -> Tensor:
    """[B, heads, S, 16] turned by its position; a channel is paired with the one half a head away."""
    angles = torch.arange(x.shape[2])[:, None] * rotary_frequencies()
    cos, sin = torch.cos(angles), torch.sin(angles)
    a, b = x[..., :8], x[..., 8:]
    return torch.cat([a * cos - b * sin, b * cos + a * sin], dim=-1)


def llama_layer(x: Tensor, w: State, blocked: Tensor) -> Tensor:
    batch, length, _ = x.shape
    normed = rms_norm(x, w["input_layernorm.weight"])

    def heads(name: str, count: int) -> Tensor:
        projected = normed @ w[f"self_attn.{name}.weight"].T
        return projected.view(batch, length, count, 16).transpose(1, 2)

    query, key, value = rotate(heads("q_proj", 4)), rotate(heads("k_proj", 2)), heads("v_proj", 2)
    key, value = key.repeat_interleave(2, dim=1), value.repeat_interleave(2, dim=1)
    scores = (query @ key.transpose(2, 3) / 4).masked_fill(blocked, -torch.inf)
    mixed = (scores.softmax(-1) @ value).transpose(1, 2).reshape(batch, length, 64)
    x = x + mixed @ w["self_attn.o_proj.weight"].T
    normed = rms_norm(x, w["post_attention_layernorm.weight"])
    gate = functional.silu(normed @ w["mlp.gate_proj.weight"].T) * (normed @ w["mlp.up_proj.weight"].T)
    return x + gate @ w["mlp.down_proj.weight"].T


def their_prediction(state: State, tokens: Tensor, ids: Tensor, mask: Tensor, *, causal: bool) -> Tensor:
    w = {name.removeprefix("predictor."): tensor for name, tensor in state.items()}
    hidden = torch.cat(
        [tokens @ w["vis_proj.weight"].T + w["vis_proj.bias"], w["embed_tokens.weight"][ids]], 1
    )
    valid = torch.cat([torch.ones(tokens.shape[:2]), mask], dim=1)
    blocked = (valid == 0)[:, None, None, :]
    if causal:
        blocked = blocked | torch.ones(hidden.shape[1], hidden.shape[1], dtype=torch.bool).triu(1)
    for number in range(2):
        prefix = f"layers.{number}."
        layer = {name.removeprefix(prefix): tensor for name, tensor in w.items() if name.startswith(prefix)}
        hidden = llama_layer(hidden, layer, blocked)
    hidden = rms_norm(hidden, w["norm.weight"]) * valid[..., None]
    pooled = hidden.sum(1) / valid.sum(1, keepdim=True)
    return functional.normalize(pooled @ w["out_proj.weight"].T + w["out_proj.bias"], dim=-1)


def their_text_embedding(state: State, gemma: torch.nn.Module, ids: Tensor, mask: Tensor) -> Tensor:
    tokens = gemma(input_ids=ids, attention_mask=mask).last_hidden_state * mask[..., None]
    pooled = tokens.sum(1) / mask.sum(1, keepdim=True)
    projected = pooled @ state["y_encoder.projector.weight"].T + state["y_encoder.projector.bias"]
    return functional.normalize(projected, dim=-1)


# --- Tests --------------------------------------------------------------------------------------------------


def texts(lengths: list[int]) -> TextBatch:
    torch.manual_seed(4)
    mask = (torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]).long()
    return TextBatch(torch.randint(1, 40, mask.shape), mask)


@pytest.mark.parametrize("causal", [False, True])
def test_the_imported_model_computes_the_same(
    architecture: ModelConfig, state: State, checkpoints: Path, tmp_path: Path, causal: bool
) -> None:
    from transformers import AutoModel

    settings = {"n_keep_layers": 2, "disable_causal_mask": not causal}
    path = save(tmp_path / "best.pt", state, predictor=settings)
    import_open_vljepa(path, tmp_path / "model", architecture=architecture)
    model = read_model(tmp_path / "model")
    frames = torch.randint(0, 256, (3, 4, 32, 32, 3), dtype=torch.uint8)
    queries, targets = texts([9, 4, 1]), texts([5, 12, 2])
    gemma = AutoModel.from_pretrained(checkpoints / "gemma").eval()
    with torch.no_grad():
        predicted, target = model(frames, queries, targets)
        tokens = model.encode_frames(frames)
        expected = their_prediction(state, tokens, *queries, causal=causal)
        assert torch.allclose(predicted, expected, atol=1e-5)
        assert torch.allclose(target, their_text_embedding(state, gemma, *targets), atol=1e-5)


def test_settings_of_the_checkpoint_are_taken_over(
    architecture: ModelConfig, state: State, tmp_path: Path
) -> None:
    report = import_open_vljepa(save(tmp_path / "best.pt", state), tmp_path / "m", architecture=architecture)
    config = load_config(tmp_path / "m" / "config.json")
    assert report.config == config
    assert (config.name, config.frames_per_window, config.x_encoder.image_size) == ("open-vljepa", 4, 32)
    assert (config.predictor.max_query_tokens, config.y_encoder.max_tokens) == (12, 14)
    assert not config.predictor.causal


def test_every_tensor_is_placed_or_named(
    architecture: ModelConfig, state: State, checkpoints: Path, tmp_path: Path
) -> None:
    """With the X-Encoder in the file, whose own predictor is of no use, and names of distributed training."""
    vision = read_tensors(checkpoints / "vjepa2")
    whole = state | {f"x_encoder.model.{name}": tensor for name, tensor in vision.items()}
    whole |= {"predictor.rotary_emb.inv_freq": torch.ones(8)}
    path = save(tmp_path / "best.pt", {f"module.{name}": tensor for name, tensor in whole.items()})
    report = import_open_vljepa(path, tmp_path / "model", architecture=architecture)
    assert report.placed + len(report.unused) == len(whole)
    assert all(name.startswith("x_encoder.model.predictor.") for name in report.unused[:-1])
    assert report.unused[-1] == "predictor.rotary_emb.inv_freq"
    assert report.config.x_encoder.source is None
    assert len(read_model(tmp_path / "model").state_dict()) == report.placed


def test_what_the_folder_needs_is_reported(
    architecture: ModelConfig, state: State, checkpoints: Path, tmp_path: Path
) -> None:
    report = import_open_vljepa(save(tmp_path / "best.pt", state), tmp_path / "m", architecture=architecture)
    assert report.unused == ()
    assert report.referenced[0] == str(checkpoints / "vjepa2")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"extra.weight": torch.ones(2)}, "extra.weight is not a tensor"),
        ({"predictor.norm.weight": None}, "has no weights for predictor.norm.weight"),
        ({"predictor.norm.weight": torch.ones(3)}, "predictor.norm.weight has shape (3,)"),
        ({"predictor.layers.2.input_layernorm.weight": torch.ones(64)}, "no place for predictor.layers.2."),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    architecture: ModelConfig, state: State, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    changed = {name: tensor for name, tensor in (state | change).items() if tensor is not None}
    with pytest.raises(ModelError) as error:
        import_open_vljepa(save(tmp_path / "best.pt", changed), tmp_path / "m", architecture=architecture)
    assert message in str(error.value)
    assert "best.pt" in str(error.value)
    assert not (tmp_path / "m").exists()


def test_a_projected_x_encoder_is_refused(architecture: ModelConfig, state: State, tmp_path: Path) -> None:
    path = save(tmp_path / "best.pt", state, encoder={"output_dim": 32})
    with pytest.raises(ModelError, match="X-Encoder has a projection"):
        import_open_vljepa(path, tmp_path / "m", architecture=architecture)


def test_other_files_are_refused(state: State, tmp_path: Path) -> None:
    torch.save(state, tmp_path / "state.pt")
    with pytest.raises(ModelError, match=r"state\.pt: not an Open-VLJEPA checkpoint"):
        import_open_vljepa(tmp_path / "state.pt", tmp_path / "m")
    with pytest.raises(ModelError, match=r"missing\.pt: no such file or folder"):
        import_open_vljepa(tmp_path / "missing.pt", tmp_path / "m")


class Malicious:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("executed",))


def test_nothing_in_the_file_is_executed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    torch.save({"model_state_dict": {}, "config": Malicious()}, tmp_path / "best.pt")
    with pytest.raises(ModelError, match="holds objects other than tensors"):
        import_open_vljepa(tmp_path / "best.pt", tmp_path / "m")
    assert capsys.readouterr().out == ""
