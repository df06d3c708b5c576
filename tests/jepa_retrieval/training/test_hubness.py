"""Members and the hubness dimension, trained and fitted through the doors that nano's training uses."""

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_retrieval.models.config import load_config as load_model_config
from jepa_retrieval.models.modules.predictor import Predictor
from jepa_retrieval.models.storage import initialise_model, read_model
from jepa_retrieval.training.config import SourceConfig, load_config
from jepa_retrieval.training.hubness import fit_hubness
from jepa_retrieval.training.learner import Learner
from jepa_retrieval.training.stages import train
from jepa_retrieval.training.token_cache import SharedTokens, StoredTokens, unreadable_rows

Recipe = Callable[..., Path]


@pytest.fixture
def model_of_two(model_file: Path) -> str:
    """The tiny model with two members and a hubness dimension."""
    config = json.loads(model_file.read_text())
    config["embedding_size"] = 33
    config["predictor"] |= {"members": 2, "hubness": {"bank": 6, "share": 0.1}}
    path = model_file.parent / "two.json"
    path.write_text(json.dumps(config))
    return path.name


def test_both_members_learn_and_the_hubness_correction_is_fitted(recipe: Recipe, model_of_two: str) -> None:
    config = load_config(recipe(model=model_of_two), overrides=["phases.0.steps=30"])
    report = train(config, "pretrain")
    assert report.metrics["dev.recall@1"] > 50
    model = read_model(report.model)
    assert isinstance(model.predictor, Predictor) and model.predictor.hubness is not None
    data = torch.from_numpy(np.load(Path(config.sources[0].path) / "tokens.npy")[:, 0]).float()
    texts = [line["texts"][0] for line in _lines(Path(config.sources[0].path) / "examples.jsonl")]
    learner = Learner(model, device=torch.device("cpu"))
    with torch.no_grad():
        before = learner.predict(data, [""] * len(data))
        targets = learner.embed_texts(texts)
        assert torch.allclose(before[:, -1], torch.zeros(len(data)), atol=1e-6)
        for predicted, wanted in zip(
            learner.split_members(before), learner.split_members(targets), strict=True
        ):
            found = (wanted @ predicted.T).argmax(dim=1)
            assert (found == torch.arange(len(texts))).float().mean() > 0.4
        fit_hubness(model, config)
        after = learner.predict(data, [""] * len(data))
    # Captions at large like the picture with the lowest dimension best.
    liked = (targets @ before.T).mean(dim=0)
    assert torch.corrcoef(torch.stack([liked, after[:, -1]]))[0, 1] < -0.5
    assert abs(after[:, -1].mean()) < 0.05 and after[:, -1].std() > 0
    assert torch.allclose(after.norm(dim=1), torch.ones(len(data)), atol=1e-5)


def test_the_captions_of_every_source_are_in_the_bank(
    recipe: Recipe, model_of_two: str, tmp_path: Path
) -> None:
    Image.new("RGB", (8, 8)).save(tmp_path / "0.png")
    lines = [f"0.png\t{' | '.join(['the photo'] * 64)}"]
    (tmp_path / "table.tsv").write_text("\n".join(["file\ttexts", *lines]) + "\n")
    config = load_config(recipe(model=model_of_two))
    table = SourceConfig(name="table", format="captions", path=str(tmp_path / "table.tsv"))
    torch.manual_seed(0)
    model = initialise_model(load_model_config(Path(config.model.init)), base=Path(config.model.init).parent)
    fit_hubness(model, dataclasses.replace(config, sources=(*config.sources, table)))
    assert isinstance(model.predictor, Predictor) and model.predictor.hubness is not None
    with torch.no_grad():
        photo = model.encode_texts(["the photo"])[0, :-1]
    hubness = model.predictor.hubness
    nearest = int(torch.nn.functional.cosine_similarity(hubness.bank, photo[None]).argmax())
    assert hubness.log_weights[nearest].exp() > 0.4


def test_the_padding_of_a_question_does_not_reach_a_caption(model_file: Path) -> None:
    model = initialise_model(load_model_config(model_file), base=model_file.parent).eval()
    learner = Learner(model, device=torch.device("cpu"))
    tokens = torch.randn(3, 1, 1280)
    with torch.no_grad():
        mixed = learner.predict(tokens, ["", "what color is it", ""])
        assert torch.allclose(mixed, model.predict(tokens, ["", "what color is it", ""]), atol=1e-5)


def test_sources_about_the_same_visuals_share_their_tokens() -> None:
    data = np.random.default_rng(0).random((5, 2, 1, 3), dtype=np.float32)
    data[3] = np.nan
    bank = SharedTokens(StoredTokens(data), np.array([4, 3, 0]))
    assert (bank.rows, bank.views) == (3, 2)
    assert np.array_equal(bank.get(np.array([2, 0]), np.array([1, 0])), data[[0, 4], [1, 0]])
    assert unreadable_rows(bank).tolist() == [1]


def _lines(path: Path) -> list[dict[str, list[str]]]:
    return [json.loads(line) for line in path.read_text().splitlines()]
