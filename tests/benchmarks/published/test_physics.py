"""`jepa bench physics`: the table of generated worlds with nano's cells, IntPhys 2's layout, and pairs of files."""

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from benchmarks.datasets import generated_worlds, intphys2, registry
from benchmarks.datasets.files import DataSetError
from benchmarks.datasets.shapes import GeneratedPair
from benchmarks.published import physics
from benchmarks.shared import world_cells, world_scores
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.world_cells import PairCells, WorldVideos
from benchmarks.shared.world_dynamics import AHEAD, WorldDynamics, history_of, still_of
from benchmarks.shared.world_scores import MISSED, SURPRISE, UNLIKE, Usual, predicted_scores, usual_scores
from benchmarks.shared.world_training import train_world_dynamics
from jepa_retrieval.errors import UsageError
from jepa_retrieval.models import load_model
from jepa_retrieval.models.runtime.model import RuntimeModel
from jepa_retrieval.models.runtime.vjepa2_predictor import PretrainedPredictor
from tests.media_factory import RED, make_video
from tests.vjepa2_checkpoint import tiny_vjepa2

pytestmark = pytest.mark.long

DARKER = (170, 60, 60)  # no cut away from red


def moving(count: int, *, start: int = 0, size: int = 9) -> np.ndarray:
    """A bright cell that moves one column a frame, and a dark floor, float16 [count, size, size, 2]."""
    video = np.zeros((count, size, size, 2), np.float16)
    for frame in range(count):
        video[frame, 4, (start + frame) % size] = (1.0, -1.0)
    return video


def test_every_row_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    """The other video of every pair is restless; a dark one is possible."""
    dark, pixels = np.zeros((12, 9, 9, 2), np.float16), np.ones(11, np.float32)
    data = generated_worlds.load().limited(10)
    pairs = [PairCells(one.kind, dark, moving(12), pixels, 2 * pixels) for one in data.pairs]
    videos = WorldVideos(np.stack([moving(12), moving(12, start=3)]), pairs)
    monkeypatch.setattr(physics, "read_worlds", lambda *given, **named: videos)
    for name, value in (("SEEDS", 2), ("STEPS", 2)):
        monkeypatch.setattr(physics, name, value)
    embedder = SimpleNamespace(
        model=load_model("nano"), folder=Path(), on_progress=lambda activity, done, total: None
    )
    outcome = physics.evaluate(data, embedder)  # type: ignore[arg-type]
    kinds = [*generated_worlds.EVENTS, *generated_worlds.CONTROLS]
    assert outcome.counts == {"training worlds": 2, "pairs": 10, "kinds": 10}
    assert list(outcome.rows["surprise, three highest"]) == ["impossible", "±", *kinds]
    assert outcome.value == outcome.rows["surprise, mean"]["cut"] == 100.0 and len(outcome.rows) == 16
    assert outcome.rows["difference of frames, pixels, mean"]["impossible"] == 100.0
    assert "±" not in outcome.rows["nearest training frame, mean"]


def test_worlds_are_encoded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[int] = []

    class Encoder:
        def __init__(self, model: object) -> None:
            pass

        def __call__(self, frames: np.ndarray) -> np.ndarray:
            made.append(len(frames))
            return frames[:, :2, :2].astype(np.float16)

    monkeypatch.setattr(world_cells, "_Encoder", Encoder)
    model = load_model("nano")
    assert isinstance(model, RuntimeModel)
    wanted = [GeneratedPair("flash", 1)]
    first, again = (
        world_cells.read_worlds(model, 1, wanted, cache=tmp_path, tell=lambda done, total: None)
        for _ in range(2)
    )
    assert made == [40, 40, 2]  # of the other video, what differs alone
    np.testing.assert_array_equal(first.pairs[0].other, again.pairs[0].other)
    assert (first.pairs[0].other != first.pairs[0].possible).any(axis=(1, 2, 3)).sum() == 2


def test_what_moves_is_foreseen_and_a_stop_is_not() -> None:
    videos = np.stack([moving(12, start=start) for start in range(9)])
    module = train_world_dynamics(videos, seed=0, steps=40)
    video = moving(12)
    with torch.no_grad():
        still = still_of(video, [6])
        moved, _ = module(history_of(video, [6]), still)
    error = np.abs((still + moved)[0].permute(1, 2, 0).numpy() - video[6 + AHEAD]).mean()
    assert error < 0.5 * np.abs(video[6] - video[6 + AHEAD]).astype(np.float32).mean()
    stopped = video.copy()
    stopped[8:] = video[8]
    usual = usual_scores(module, videos)
    possible, other = (predicted_scores(module, one, usual) for one in (video, stopped))
    assert all(other[name].max() > possible[name].max() for name in (SURPRISE, MISSED, UNLIKE))


def test_what_hides_is_expected_to_come_out_again() -> None:
    def behind(start: int, *, gone: bool = False) -> np.ndarray:
        """It moves along the row behind a screen of three columns, and may not come out."""
        video = moving(24, start=start, size=16)
        video[:, :, 6:9] = (-1.0, -1.0)
        if gone:
            video[:, 4, 9:] = 0.0
        return video

    videos = np.stack([behind(-start) for start in range(8)])
    module = train_world_dynamics(videos, seed=0, steps=60)
    usual = usual_scores(module, videos)
    possible, other = (predicted_scores(module, behind(-2, gone=gone), usual) for gone in (False, True))
    assert other[MISSED].max() > possible[MISSED].max() and other[SURPRISE].max() > possible[SURPRISE].max()


def test_prediction_begins_anew_where_everything_changes() -> None:
    module = WorldDynamics(2).eval()
    video = moving(20)
    cut = video.copy()
    cut[10:] += 3.0
    usual = Usual(0.0, 1.0, 1.0)
    whole, parts = (len(predicted_scores(module, one, usual)["surprise"]) for one in (video, cut))
    lost = world_scores.SEEN_FIRST + AHEAD
    assert (whole, parts) == (20 - lost, 20 - 2 * lost)
    restless = video + np.arange(20, dtype=np.float16)[:, None, None, None]
    assert predicted_scores(module, restless, usual)["surprise"].tolist() == [0.0]


@pytest.fixture
def published(tmp_path: Path) -> Path:
    """IntPhys 2's layout with one scene of two pairs, of which one lacks a file."""
    folder = tmp_path / "Debug"
    folder.mkdir()
    rows = ["SceneIndex,type,condition,file_name,Difficulty"]
    for number, kind in enumerate(("1_Possible", "1_Impossible", "2_Possible", "2_Impossible")):
        rows.append(f"0,{kind},permanence,scene{number}.mp4,Easy")
    (folder / "metadata.csv").write_text("\n".join(rows) + "\n", "utf-8")
    make_video(folder / "scene0.mp4", seconds=4.0, fps=6, scenes=[RED])
    make_video(folder / "scene1.mp4", seconds=4.0, fps=6, scenes=[RED, DARKER])
    make_video(folder / "scene2.mp4", seconds=4.0, fps=6, scenes=[RED])
    return tmp_path


def test_the_layout_of_intphys2(published: Path) -> None:
    data = intphys2.load_debug(published)
    assert (len(data.pairs), data.named) == (1, 2) and data.pairs[0].kind == "permanence"
    assert data.pairs[0].impossible.name == "scene1.mp4"
    table = published / "Debug" / "metadata.csv"
    table.write_text(table.read_text("utf-8").replace("2_Possible", "Possible"), "utf-8")
    with pytest.raises(DataSetError, match=r"line 4: type is 'Possible'"):
        intphys2.load_debug(published)


def test_pairs_of_files(published: Path, tmp_path: Path) -> None:
    embedder = Embedder(load_model("nano"), cache=tmp_path / "cache")
    found = physics.evaluate(intphys2.load_debug(published), embedder)
    assert found.rows["difference of frames, pixels, mean"] == {"all": 100.0, "permanence": 100.0}
    assert next(iter(found.rows)) == "surprise, mean" and found.counts["pairs read"] == 1
    embedder.predictor = PretrainedPredictor(tiny_vjepa2(tmp_path / "vjepa2"), device="cpu")
    found = physics.evaluate(intphys2.load_debug(published), embedder)
    embedder.close()
    assert found.rows["surprise, mean"]["all"] in (0.0, 100.0) and found.counts["pairs read"] == 1


def test_made_worlds_have_no_folder(tmp_path: Path) -> None:
    entry = registry.find("physics", "worlds")
    assert registry.load(entry, None).title == "generated worlds"
    with pytest.raises(UsageError, match="is made by the benchmark"):
        registry.load(entry, tmp_path)
