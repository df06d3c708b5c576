"""The paper's architecture by name: a folder of tiny random weights, loaded with `local:` and run on OpenVINO."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.config import parse_config

QUERIES = ["describe the video", "what is it doing", "what is it doing"]
TARGETS = ["a dog", "the cat runs on the beach"]


def test_frames_and_texts_meet_in_one_space(
    tiny_config: Callable[..., dict[str, Any]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from jepa_retrieval.models.storage import initialise_model, write_model

    monkeypatch.setenv("JEPA_CACHE", str(tmp_path / "cache"))
    torch.manual_seed(0)
    reference = initialise_model(parse_config(tiny_config()))
    saved = write_model(reference, tmp_path / "model")
    frames = torch.randint(0, 256, (3, 4, 32, 32, 3), dtype=torch.uint8)
    with torch.no_grad():
        tokens = reference.encode_frames(frames)
        predicted = reference.predict(tokens, QUERIES)
        targets = reference.encode_texts(TARGETS)

    model = load_model(f"local:{tmp_path / 'model'}", device="cpu")
    assert (model.embedding_size, model.prompt) == (24, "describe the video")
    assert model.x_encoder.encode(frames.numpy()).shape == tokens.shape == (3, 8, 48)
    assert not model.x_encoder.framewise
    assert model.predictor.query_conditioned
    np.testing.assert_allclose(model.predictor.predict(tokens.numpy(), QUERIES), predicted, atol=2e-3)
    np.testing.assert_allclose(model.y_encoder.encode(TARGETS), targets, atol=2e-3)
    whole = model.predictor.predict(model.x_encoder.encode(frames.numpy()), QUERIES)
    assert (np.sum(whole * predicted.numpy(), axis=1) > 0.99).all()
    assert model.fingerprint() != model.fingerprint("where")
    assert saved.digests["model.safetensors"]


def test_without_trained_weights_there_is_no_model() -> None:
    """Pretrained parts alone would leave the projections random: that is said, not done."""
    with pytest.raises(ModelError, match="vljepa"):
        load_model("vljepa", device="cpu")


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=str(tmp_path)):
        load_model(f"local:{tmp_path}", device="cpu")
