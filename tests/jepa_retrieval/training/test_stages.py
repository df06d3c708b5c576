"""Whole runs on the tiny model: what goes in are files, what comes out is a model folder."""

import csv
import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.frame_fit import SQUEEZE
from jepa_retrieval.models import load_model
from jepa_retrieval.models.storage import read_model
from jepa_retrieval.training.config import load_config
from jepa_retrieval.training.data.sources import read_source
from jepa_retrieval.training.progress import TrainProgress
from jepa_retrieval.training.stages import train
from jepa_retrieval.training.token_cache import OnlineTokens, VisionSpec
from tests.jepa_retrieval.training.conftest import COLOURS, Recipe
from tests.media_factory import BLUE, RED, make_video

RGB = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "yellow": (230, 230, 40)}
SHORT = "[optim]\nlearning_rate = 2e-3\nschedule = 'cosine'\nwarmup_steps = 2\nclip_norm = 1.0"


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve plain pictures in four colours and one damaged file, with captions."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    lines = []
    for row in range(12):
        name, rgb = list(RGB.items())[row % 4]
        noise = rng.integers(-25, 25, (48, 64, 3))
        Image.fromarray(np.clip(noise + rgb, 0, 255).astype(np.uint8)).save(folder / f"{row}.png")
        lines += [f"{row}.png#0\ta {name} photo\n", f"{row}.png#1\tthe {name} color\n"]
    (folder / "bad.png").write_bytes((folder / "0.png").read_bytes()[:60])
    lines.append("bad.png#0\ta black photo\n")
    (folder / "captions.token.txt").write_text("".join(lines))
    return folder


def captions_of(pictures: Path, header: str = "sources", name: str = "pictures") -> str:
    return f'[[{header}]]\nname = "{name}"\nformat = "captions"\npath = "{pictures}/captions.token.txt"'


def test_pretraining_from_pictures_to_a_model_that_loads(
    recipe: Recipe, pictures: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = recipe(
        tokens='[tokens]\nfolder = "tokens"\nflip = true\naugmented = 1\nbatch_size = 5',
        sources=captions_of(pictures)
        + '\n[[sources]]\nname = "films"\nformat = "jsonl"\npath = "films.jsonl"',
        evaluate=captions_of(pictures, "evaluate", "dev"),
        optim=SHORT,
        phases='[[phases]]\nname = "images"\nsteps = 20\nbatch_size = 8\nsources = ["pictures"]\n'
        '[[phases]]\nname = "video"\nsteps = 10\nbatch_size = 8\nframes = 3',
    )
    make_video(tmp_path / "film.mp4", seconds=2.0, scenes=[RED, BLUE])
    film = {"media": "film.mp4", "captions": ["a red photo"], "end": 1.0}
    (tmp_path / "films.jsonl").write_text(json.dumps(film) + "\n")
    seen: list[TrainProgress] = []
    report = train(load_config(path), "pretrain", on_progress=seen.append)

    assert "1 media cannot be read" in caplog.text
    # Pictures of one colour are alike: of 12, a text finds one of the right colour among the first three.
    assert report.metrics["dev.recall@5"] > 90
    losses = [float(row["loss"]) for row in csv.DictReader((tmp_path / "run" / "curves.csv").open())]
    assert losses[-1] < losses[0]
    assert Image.open(tmp_path / "run" / "curves.png").width > 100
    assert {progress.activity for progress in seen} == {"tokens", "texts", "train", "evaluate"}
    assert next(p.seconds_left for p in seen if p.activity == "train") is not None

    model = read_model(report.model)
    runtime = load_model(f"local:{report.model}", device="cpu")
    blue = np.asarray(Image.open(pictures / "2.png").resize((64, 64)))
    tokens = runtime.x_encoder.encode(blue[None, None])
    similarity = (
        runtime.predictor.predict(tokens, [""]) @ runtime.y_encoder.encode([f"a {c} photo" for c in RGB]).T
    )
    assert list(RGB)[int(similarity.argmax())] == "blue"
    with torch.no_grad():
        of_torch = model.predict(torch.from_numpy(tokens), [""]).numpy()
    assert np.allclose(of_torch, runtime.predictor.predict(tokens, [""]), atol=2e-2)

    seen.clear()
    train(load_config(path, overrides=['run.output="again"']), "pretrain", on_progress=seen.append)
    assert not [p for p in seen if p.activity in ("tokens", "texts")], "tokens and texts are on disk already"


def test_finetuning_makes_the_predictor_follow_the_query(recipe: Recipe, token_folder: Path) -> None:
    questions = f'format = "tokens"\npath = "{token_folder}/questions"'
    path = recipe(
        optim='[optim]\nlearning_rate = 3e-3\nschedule = "one-cycle"',
        phases='[[phases]]\nname = "questions"\nsteps = 120\nbatch_size = 48',
        sources=f'[[sources]]\nname = "questions"\n{questions}\nshare = 3.0\n'
        f'[[sources]]\nname = "captions"\nformat = "tokens"\npath = "{token_folder}"',
        evaluate=f'[[evaluate]]\nname = "answers"\n{questions}\ntask = "answers"\ncandidates = "questions"',
        loss="[loss]\npositives = 1",
    )
    report = train(load_config(path), "sft")
    assert report.metrics["answers.accuracy"] > 90
    model = read_model(report.model)
    token = torch.from_numpy(np.load(token_folder / "tokens.npy")[:1, 0].astype(np.float32)).repeat(2, 1, 1)
    with torch.no_grad():
        answers = model.predict(token, ["what color is it", "what thing is it"])
        candidates = model.encode_texts([*COLOURS, "ball", "cup", "car", "dog", "tree", "hat"])
    best = (answers @ candidates.T).argmax(dim=1).tolist()
    assert best == [0, 6], "a red ball: the colour for one question, the thing for the other"


@pytest.mark.parametrize(("kind", "precision"), [("cosine", "fp32"), ("l1", "fp32"), ("l2", "bf16")])
def test_other_losses_and_precisions_learn(recipe: Recipe, kind: str, precision: str, tmp_path: Path) -> None:
    changes = [f"loss.kind={kind}", f"run.precision={precision}", "run.log_every=1", "optim.ema_decay=0.0"]
    train(load_config(recipe(model="fixed.json"), overrides=changes), "pretrain")
    losses = [float(row["loss"]) for row in csv.DictReader((tmp_path / "run" / "curves.csv").open())]
    assert losses[-1] < 0.9 * losses[0]


@pytest.mark.parametrize("model", ["config.json", "trainable.json"])
def test_losses_that_only_align_are_refused_while_the_y_encoder_learns(recipe: Recipe, model: str) -> None:
    with pytest.raises(UsageError, match=r'loss\.kind = "cosine" needs a Y-Encoder that is frozen'):
        train(load_config(recipe(model=model), overrides=["loss.kind=cosine"]), "pretrain")


def test_a_fixed_temperature_stays_whatever_it_is(recipe: Recipe, tmp_path: Path) -> None:
    changes = ["loss.temperature=0.004", "loss.learn_temperature=false", "run.log_every=1"]
    train(load_config(recipe(), overrides=changes), "pretrain")
    rows = list(csv.DictReader((tmp_path / "run" / "curves.csv").open()))
    assert {float(row["temperature"]) for row in rows} == {0.004}
    with pytest.raises(UsageError, match=r"loss\.temperature = 0\.004 is below 0\.01"):
        load_config(recipe(), overrides=changes[:1])


def test_the_model_is_the_best_one_seen(recipe: Recipe) -> None:
    path = recipe(optim="[optim]\nlearning_rate = 3e-3\nschedule = 'constant'")
    config = load_config(
        path, overrides=["run.best=dev.recall@1", "run.evaluate_every=2", "phases.0.steps=20"]
    )
    report = train(config, "pretrain")
    rows = list(csv.DictReader((Path(config.run.output) / "curves.csv").open()))
    measured = {int(row["step"]): float(row["dev.recall@1"]) for row in rows if row["dev.recall@1"]}
    assert report.metrics["dev.recall@1"] == pytest.approx(max(measured.values()), abs=1e-3)
    assert report.step == min(step for step, value in measured.items() if value == max(measured.values()))


def test_a_source_must_fit_the_stage(recipe: Recipe, tmp_path: Path) -> None:
    asking = '[[sources]]\nname = "q"\nformat = "vqa"\npath = "q.jsonl"'
    with pytest.raises(UsageError, match="source 'q' asks questions: that is stage 2"):
        train(load_config(recipe(sources=asking)), "pretrain")
    with pytest.raises(UsageError, match="no source asks questions"):
        train(load_config(recipe(sources=captions_of(tmp_path))), "sft")


def test_an_unknown_model_lists_the_known_ones(recipe: Recipe) -> None:
    config = load_config(recipe(), overrides=["model.init=vljeppa"])
    with pytest.raises(UsageError, match=r"'vljeppa' is neither a model folder.*vljepa"):
        train(config, "pretrain")


def test_unreadable_media_only_is_an_error(recipe: Recipe, tmp_path: Path) -> None:
    (tmp_path / "bad.png").write_bytes(b"no picture")
    (tmp_path / "bad.txt").write_text("a photo")
    sources = f'[[sources]]\nname = "bad"\nformat = "captions"\npath = "{tmp_path}"'
    with pytest.raises(UsageError, match="source 'bad': none of its media can be read"):
        train(load_config(recipe(sources=sources, evaluate="")), "pretrain")


def test_online_tokens_equal_cached_ones(recipe: Recipe, pictures: Path, tmp_path: Path) -> None:
    """The same run without a cache on disk: its losses differ only by the rounding of the cache."""
    losses = []
    for mode in ("cache", "online"):
        path = recipe(
            f"{mode}.toml",
            run=f'[run]\noutput = "{mode}"\nthreads = 1\nlog_every = 1\ndevice = "cpu"',
            tokens=f'[tokens]\nmode = "{mode}"\nfolder = "tokens"\nflip = true',
            sources=captions_of(pictures) + "\nlimit = 12",
            evaluate="",
            phases='[[phases]]\nname = "images"\nsteps = 3\nbatch_size = 8',
        )
        train(load_config(path), "pretrain")
        losses.append([float(r["loss"]) for r in csv.DictReader((tmp_path / mode / "curves.csv").open())])
    assert len(losses[0]) == 3 and np.allclose(losses[0], losses[1], rtol=1e-2)


def test_tokens_can_be_sent_to_processes_that_decode_for_a_loader(recipe: Recipe, pictures: Path) -> None:
    """Where processes are not forked but started anew: on macOS and Windows, and from Python 3.14 on."""
    config = load_config(recipe(sources=captions_of(pictures) + "\nlimit = 3", evaluate=""))
    spec = VisionSpec(lambda frames: frames.mean(axis=(2, 3)), "", 64, SQUEEZE, 3, 1, True)
    bank = OnlineTokens(read_source(config.sources[0]), spec, config.tokens, frames=1)
    rows = np.arange(3)
    frames = bank.frames(rows, 0 * rows)
    sent = pickle.loads(pickle.dumps(bank))
    assert torch.equal(sent.frames(rows, 0 * rows), frames)
    with pytest.raises(RuntimeError, match="in the process that trains"):
        sent.get(rows, 0 * rows)
