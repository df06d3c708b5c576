"""The Y-Decoder from captions to sentences: training on text, files, search, and what is refused."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from jepa_retrieval.errors import ModelError, UsageError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.config import load_config
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.models.storage import initialise_model, write_model
from jepa_retrieval.models.y_decoder_files import read_memory
from jepa_retrieval.training import checkpoint
from jepa_retrieval.training.data import caption_points
from jepa_retrieval.training.y_decoder import Recipe, Trainer, load_recipe, train
from tests.jepa_retrieval.training.conftest import COLOURS, THINGS

NAMES = [(colour, thing) for colour in COLOURS for thing in THINGS]
WriteRecipe = Callable[..., Path]


@pytest.fixture(scope="module")
def model_folder(tmp_path_factory: pytest.TempPathFactory, model_file: Path) -> Path:
    """The tiny model, untrained: its Y-Encoder tells words apart, which is all that a decoder needs."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("saved")
    write_model(initialise_model(load_config(model_file), base=model_file.parent), folder)
    return folder


@pytest.fixture(scope="module")
def write_recipe(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> WriteRecipe:
    folder = tmp_path_factory.mktemp("decoder")
    lines = [f"{c}-{t}.jpg#0\tA {c} {t} .\n{c}-{t}.jpg#1\tthe {c} {t}\n" for c, t in NAMES]
    (folder / "captions.txt").write_text("".join(lines))

    def write(output: str, *, steps: int = 250, memory: int = 0) -> Path:
        path = folder / f"{output}.toml"
        path.write_text(
            f'[run]\nmodel = "local:{model_folder}"\noutput = "{output}"\nsteps = {steps}\nbatch_size = 32\n'
            "log_every = 50\ncheckpoint_every = 4\n"
            '[text]\ncaptions = "captions.txt"\nnoise = 0.1\nheld_out = 2\n'
            "[decoder]\nvocabulary = 60\nwidth = 32\nlayers = 2\nheads = 2\nmlp_width = 64\nmax_tokens = 8\n"
            f"memory = {memory}\ntemperature = 0.01\n"
            '[optim]\nlearning_rate = 1e-2\nschedule = "one-cycle"\nwarmup_steps = 2\nema_decay = 0.9\n'
        )
        return path

    return write


@pytest.fixture(scope="module")
def trained(write_recipe: WriteRecipe, model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the model and its decoder."""
    folder = tmp_path_factory.mktemp("with-decoder")
    shutil.copytree(model_folder, folder, dirs_exist_ok=True)
    shutil.copytree(train(load_recipe(write_recipe("run"))), folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def model(trained: Path) -> RuntimeModel:
    return load_model(f"local:{trained}", device="cpu")


def said(model: RuntimeModel, texts: list[str], **options: Any) -> list[str]:
    assert model.y_decoder is not None
    return [sentence.text for sentence in model.y_decoder.generate(model.y_encoder.encode(texts), **options)]


def things_named(texts: list[str], sentences: list[str]) -> float:
    """The share of sentences that name the colour and the thing of their text."""
    pairs = zip(texts, sentences, strict=True)
    return np.mean([text.split()[1:] == s.rstrip(".").split()[1:] for text, s in pairs])


@pytest.mark.parametrize("beams", [1, 3])
def test_what_was_learnt_is_said(model: RuntimeModel, beams: int) -> None:
    texts = [f"a {colour} {thing}" for colour, thing in NAMES[:-2]]
    sentences = said(model, texts, beams=beams)
    assert things_named(texts, sentences) > 0.9
    assert all(sentence.startswith(("A ", "The ")) and sentence.endswith(".") for sentence in sentences)


def test_confidence_is_the_cosine_of_the_sentence(model: RuntimeModel) -> None:
    assert model.y_decoder is not None
    asked = model.y_encoder.encode(["a red ball", "the blue car", "a green hat"])
    sentences = model.y_decoder.decode(asked)
    again = model.y_encoder.encode([sentence.text for sentence in sentences])
    expected = np.clip((asked * again).sum(axis=1), 0, 1)
    assert [sentence.confidence for sentence in sentences] == pytest.approx(expected, abs=1e-5)


def test_how_many_are_decoded_at_once_changes_nothing(model: RuntimeModel) -> None:
    texts = [f"the {colour} {thing}" for colour, thing in NAMES[:19]]
    assert said(model, texts) == [said(model, [text])[0] for text in texts]
    assert said(model, texts[:0]) == []


def test_the_graph_adds_a_token_as_the_module_does(model: RuntimeModel, trained: Path) -> None:
    from jepa_retrieval.models.y_decoder_files import load_y_decoder

    section, decoder = model.config.y_decoder, model.y_decoder
    assert section is not None and decoder is not None
    module = load_y_decoder(section, trained, embedding_size=32)
    asked = model.y_encoder.encode(["a red ball", "the black dog"])
    ids = torch.tensor([[0, 5, 9, 4], [0, 7, 3, 11]])
    with torch.no_grad():
        expected = torch.log_softmax(module(torch.from_numpy(asked), ids), dim=-1).numpy()
    cache = np.zeros((2, 2 * section.layers, section.max_tokens, section.width), np.float32)
    for position in range(4):
        token = np.ascontiguousarray(ids[:, position : position + 1].numpy())
        output = decoder._graph(asked, token, cache, np.array([position]))
        np.testing.assert_allclose(output[:, : section.vocabulary], expected[:, position], atol=5e-3)
        cache[:, :, position] = output[:, section.vocabulary :].reshape(2, -1, section.width)


def test_a_memory_is_stored_and_used(write_recipe: WriteRecipe, model_folder: Path, tmp_path: Path) -> None:
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    shutil.copytree(train(load_recipe(write_recipe("memory", memory=68))), folder, dirs_exist_ok=True)
    texts = [f"a {colour} {thing}" for colour, thing in NAMES[:-2]]
    model = load_model(f"local:{folder}", device="cpu")
    assert things_named(texts, said(model, texts)) > 0.9
    memory = read_memory(folder)
    assert memory is not None and memory.words is not None
    assert {"red", "ball"} <= set(memory.words.words)
    assert len(memory.names) == len(memory.name_embeddings) == 1000
    assert model.y_decoder is not None
    [sentence] = model.y_decoder.decode(model.y_encoder.encode(["a red ball"]))
    assert "ball" in sentence.text.lower()


def test_lists_are_joined_without_what_is_held_out(tmp_path: Path) -> None:
    (tmp_path / "captions.txt").write_text(
        "".join(f"{number}.jpg#0\tphotograph {number}\n" for number in range(20))
    )
    for name in ("one", "two"):
        (tmp_path / f"{name}.tsv").write_text(
            "file\ttexts\n" + "".join(f"{name}{number}.webp\t{name} | {number}\n" for number in range(200))
        )
    text = caption_points.TextConfig(
        captions=str(tmp_path / "captions.txt"), others=str(tmp_path / "{one,two}.tsv"), hold_out=0.1
    )
    groups = caption_points._read_groups(text, seed=0)
    assert 20 + 400 > len(groups) > 20 + 340
    assert sum(group[0].startswith("photograph") for group in groups) == 20
    assert groups == caption_points._read_groups(text, seed=0) != caption_points._read_groups(text, seed=1)


def test_a_decoder_changes_no_embedding(trained: Path, model_folder: Path) -> None:
    with_decoder, without = (load_config(folder / "config.json") for folder in (trained, model_folder))
    assert with_decoder.y_decoder is not None and without.y_decoder is None
    prints = {load_model(f"local:{folder}", device="cpu").fingerprint() for folder in (trained, model_folder)}
    assert len(prints) == 1


def test_a_run_that_goes_on_ends_with_the_same_weights(
    write_recipe: WriteRecipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = (load_recipe(write_recipe(name, steps=10)) for name in ("whole", "broken"))
    expected = train(whole)
    step = Trainer._train_step

    def fail_at_seven(trainer: Trainer) -> float:
        if trainer._step == 7:
            raise KeyboardInterrupt
        return step(trainer)

    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr(Trainer, "_train_step", fail_at_seven)
        train(broken)
    state = checkpoint.load(Path(broken.run.output))
    assert state is not None and state["step"] == 4
    resumed, uninterrupted = (
        load_file(folder / "y_decoder.safetensors") for folder in (train(broken), expected)
    )
    assert all(torch.equal(resumed[name], tensor) for name, tensor in uninterrupted.items())


@pytest.mark.parametrize(("central", "outlier"), [(0.0, 1 / 3), (5.0, 0.01)])
def test_captions_like_the_others_are_learnt_more_often(central: float, outlier: float) -> None:
    embeddings = torch.tensor([[1.0, 0.0], [0.8, 0.6], [0.0, -1.0], [0.6, 0.8]])
    counts = torch.tensor([3, 1])
    means = torch.tensor([[1.0, 0.0], [0.6, 0.8]])
    chances = caption_points._chances(embeddings, means, counts, central)
    assert chances.shape == (2, 3) and (chances[1, 1:] == 0).all() and (chances[:, 0] > 0).all()
    assert float(chances[0, 2] / chances[0].sum()) == pytest.approx(outlier, abs=0.01)


@pytest.mark.parametrize("damage", ["weights", "tokenizer", "other embeddings"])
def test_files_that_do_not_belong_are_refused(trained: Path, tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "model"
    shutil.copytree(trained, folder)
    config = folder / "config.json"
    if damage == "weights":
        (folder / "y_decoder.safetensors").unlink()
    elif damage == "tokenizer":
        (folder / "y_decoder.tokenizer.json").write_text("{}")
    else:
        document = json.loads(config.read_text())
        document["digests"]["model.safetensors"] = "ab" * 32
        config.write_text(json.dumps(document))
    with pytest.raises(ModelError, match=r"y_decoder|Y-Decoder"):
        _ = load_model(f"local:{folder}", device="cpu").y_decoder


def test_a_recipe_is_read_strictly(write_recipe: WriteRecipe, tmp_path: Path) -> None:
    text = write_recipe("strict").read_text()
    (tmp_path / "a.toml").write_text(text.replace("noise", "noize"))
    with pytest.raises(UsageError, match="noize"):
        load_recipe(tmp_path / "a.toml")
    (tmp_path / "b.toml").write_text(text.replace("captions.txt", "$NO_SUCH_NAME/captions.txt"))
    with pytest.raises(UsageError, match="NO_SUCH_NAME"):
        load_recipe(tmp_path / "b.toml")


def test_the_shipped_recipe_can_be_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    from jepa_retrieval.training.nano import RECIPES

    monkeypatch.setenv("JEPA_SHARED", str(tmp_path))
    monkeypatch.setenv("NANO_RUN", str(tmp_path / "run"))
    recipe = load_recipe(RECIPES / "nano_y_decoder.toml")
    assert isinstance(recipe, Recipe)
    assert "trainImages" in recipe.text.names
