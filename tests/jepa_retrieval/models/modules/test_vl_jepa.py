"""The whole model: from pretrained checkpoints, to a folder, and back."""

import dataclasses
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from jepa_retrieval import models
from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.checkpoints import read_tensors
from jepa_retrieval.models.config import load_config, parse_config
from jepa_retrieval.models.modules.vl_jepa import VLJEPA
from jepa_retrieval.models.storage import initialise_model, read_model, write_model

TinyConfig = Callable[..., dict[str, Any]]

QUERIES = ["what is it doing", "where"]
TARGETS = ["a dog", "the cat runs on the beach"]


@pytest.fixture
def model(tiny_config: TinyConfig) -> VLJEPA:
    torch.manual_seed(0)
    return initialise_model(parse_config(tiny_config()))


@pytest.fixture(scope="module")
def frames() -> torch.Tensor:
    return torch.randint(0, 256, (2, 3, 32, 32, 3), dtype=torch.uint8)


def embeddings(model: VLJEPA, frames: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return torch.stack(model(frames, QUERIES, TARGETS))


def millions(module: torch.nn.Module) -> float:
    return sum(parameter.numel() for parameter in module.parameters()) / 1e6


def test_the_papers_sizes() -> None:
    config = load_config(Path(models.__file__).parent / "configs" / "vljepa.json")
    with torch.device("meta"):
        model = VLJEPA(config)
    trained = millions(model.predictor) - millions(model.predictor.query_tokens)
    assert millions(model.x_encoder) == pytest.approx(304, rel=0.02)
    assert trained == pytest.approx(490, rel=0.02)
    assert millions(model.y_encoder) == pytest.approx(300, rel=0.02)
    assert model.y_encoder.head.out_features == model.predictor.output_projection.out_features == 1536
    assert len(model.predictor.layers) == 8
    assert (config.x_encoder.image_size, config.predictor.max_query_tokens) == (256, 512)


def test_both_sides_are_unit_vectors_of_one_space(model: VLJEPA, frames: torch.Tensor) -> None:
    predicted, target = model(frames, QUERIES, TARGETS)
    assert predicted.shape == target.shape == (2, 24)
    assert torch.allclose(predicted.norm(dim=-1), torch.ones(2))
    assert torch.allclose(target.norm(dim=-1), torch.ones(2))


def test_tokens_may_stand_for_frames(model: VLJEPA, frames: torch.Tensor) -> None:
    tokens = model.encode_frames(frames)
    assert torch.equal(model(tokens, QUERIES, TARGETS)[0], model(frames, QUERIES, TARGETS)[0])


def test_the_last_layers_of_llama_are_taken(model: VLJEPA, checkpoints: Path) -> None:
    llama = read_tensors(checkpoints / "llama")
    own = model.predictor.state_dict()
    taken = {name: tensor for name, tensor in own.items() if name.startswith("layers.")}
    assert len(taken) == 2 * 9
    for name, tensor in taken.items():
        number, rest = name.removeprefix("layers.").split(".", 1)
        assert torch.equal(tensor, llama[f"model.layers.{int(number) + 4}.{rest}"])
    assert torch.equal(own["norm.weight"], llama["model.norm.weight"])
    assert torch.equal(own["query_tokens.embedding.weight"], llama["model.embed_tokens.weight"])


def test_taking_all_of_llama_is_llama(tiny_config: TinyConfig, checkpoints: Path) -> None:
    """With its own causal mask, the layers compute what `transformers` computes: rotary scaling included."""
    from transformers import AutoModel

    config = parse_config(tiny_config(predictor={"layers": 6, "causal": True}))
    predictor = initialise_model(config).predictor
    reference = AutoModel.from_pretrained(checkpoints / "llama").eval()
    hidden, valid = torch.randn(2, 9, 64), torch.ones(2, 9, dtype=torch.long)
    expected = reference(inputs_embeds=hidden).last_hidden_state
    assert torch.allclose(predictor.attend(hidden, valid), expected, atol=1e-5)


@pytest.mark.parametrize("bundle", [False, True])
def test_a_saved_model_computes_the_same(
    model: VLJEPA, frames: torch.Tensor, tmp_path: Path, bundle: bool
) -> None:
    write_model(model, tmp_path / "saved", bundle=bundle)
    (tmp_path / "saved").rename(tmp_path / "moved")
    again = read_model(tmp_path / "moved")
    assert torch.equal(embeddings(again, frames), embeddings(model, frames))
    assert again.config.x_encoder.source is None if bundle else again.config.x_encoder.source is not None


def test_only_a_bundle_holds_the_frozen_parts(model: VLJEPA, tmp_path: Path) -> None:
    write_model(model, tmp_path / "lean")
    names = read_tensors(tmp_path / "lean")
    assert not any(name.startswith(("x_encoder.", "predictor.query_tokens.")) for name in names)
    assert any(name.startswith("y_encoder.tower.") for name in names)
    write_model(model, tmp_path / "whole", bundle=True)
    assert set(read_tensors(tmp_path / "whole")) == set(model.state_dict())


def test_the_answer_vocabulary_goes_with_the_model(tiny_config: TinyConfig, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("yes\nno\n", encoding="utf-8")
    config = parse_config(tiny_config() | {"answers": "words.txt", "temperature": 0.05})
    write_model(initialise_model(config, base=tmp_path), tmp_path / "a")
    shutil.move(tmp_path / "a", tmp_path / "moved")
    model = models.load_model(f"local:{tmp_path / 'moved'}", device="cpu")
    assert (model.answers, model.temperature) == (("yes", "no"), 0.05)
    write_model(read_model(tmp_path / "moved"), tmp_path / "b")
    assert models.load_model(f"local:{tmp_path / 'b'}", device="cpu").answers == ("yes", "no")


def test_weights_may_be_stored_in_half_precision(model: VLJEPA, frames: torch.Tensor, tmp_path: Path) -> None:
    write_model(model, tmp_path, dtype=torch.float16)
    again = read_model(tmp_path)
    assert next(again.y_encoder.parameters()).dtype == torch.float32
    assert torch.allclose(embeddings(again, frames), embeddings(model, frames), atol=5e-3)


def test_training_leaves_frozen_parts_alone(model: VLJEPA) -> None:
    model.train()
    assert model.predictor.training
    assert not model.x_encoder.training
    frozen = [name for name, parameter in model.named_parameters() if not parameter.requires_grad]
    assert {name.split(".")[0] for name in frozen} == {"x_encoder", "predictor"}
    assert [n for n in frozen if n.startswith("predictor")] == ["predictor.query_tokens.embedding.weight"]


def test_a_frozen_part_without_a_source_would_be_random(tiny_config: TinyConfig) -> None:
    with pytest.raises(ModelError, match="x_encoder is frozen but has no source"):
        initialise_model(parse_config(tiny_config(x_encoder={"source": None})))


def test_a_missing_source_is_named(tiny_config: TinyConfig) -> None:
    with pytest.raises(ModelError, match="/no/such/folder"):
        initialise_model(parse_config(tiny_config(predictor={"source": "/no/such/folder"})))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"predictor": {"heads": 8}}, "num_attention_heads is 4, but the model's config has 8 (predictor)"),
        ({"predictor": {"rope_theta": 1e4}}, "rope_parameters is"),
        ({"x_encoder": {"heads": 4}}, "num_attention_heads is 2, but the model's config has 4 (x_encoder)"),
        ({"predictor": {"mlp_width": 100}}, "has shape"),
        ({"predictor": {"layers": 7}}, "llama: has no weights for predictor.layers.0."),
        ({"x_encoder": {"layers": 1}}, "vjepa2: the config has no place for x_encoder.encoder.layer.1."),
    ],
)
def test_a_checkpoint_that_does_not_fit_is_refused(
    tiny_config: TinyConfig, changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ModelError) as error:
        initialise_model(parse_config(tiny_config(**changes)))
    assert message in str(error.value)


def test_a_folder_without_weights_is_an_error(model: VLJEPA, tmp_path: Path) -> None:
    write_model(model, tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(ModelError, match=r"has no model\.safetensors"):
        read_model(tmp_path)


def test_a_lost_tensor_is_named(model: VLJEPA, tmp_path: Path) -> None:
    from safetensors.torch import save_file

    write_model(model, tmp_path)
    weights = read_tensors(tmp_path)
    del weights["predictor.output_projection.bias"]
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(
        ModelError, match=r"model\.safetensors: not the weights that the model was saved with"
    ):
        read_model(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text(encoding="utf-8"))
    (tmp_path / "config.json").write_text(json.dumps(config | {"digests": {}}), encoding="utf-8")
    with pytest.raises(ModelError, match=r"has no weights for predictor\.output_projection\.bias"):
        read_model(tmp_path)


def test_a_changed_source_is_noticed(tiny_config: TinyConfig, checkpoints: Path, tmp_path: Path) -> None:
    own = tmp_path / "vjepa2"
    shutil.copytree(checkpoints / "vjepa2", own)
    model = initialise_model(parse_config(tiny_config(x_encoder={"source": str(own)})))
    write_model(model, tmp_path / "model")
    weights = own / "model.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(
        ModelError, match=r"x_encoder: .*vjepa2: not the weights that the model was saved with"
    ):
        read_model(tmp_path / "model")


def test_saving_records_what_the_fingerprint_needs(model: VLJEPA, tmp_path: Path) -> None:
    from jepa_retrieval.models.fingerprint import fingerprint

    first = write_model(model, tmp_path / "a")
    assert first == load_config(tmp_path / "a" / "config.json")
    assert fingerprint(first) == fingerprint(write_model(read_model(tmp_path / "a"), tmp_path / "b"))
    with torch.no_grad():
        model.y_encoder.head.bias += 1
    assert fingerprint(write_model(model, tmp_path / "c")) != fingerprint(first)
    assert dataclasses.replace(first, digests={}) == dataclasses.replace(
        read_model(tmp_path / "a").config, digests={}
    )
