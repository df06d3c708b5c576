"""`jepa bench anomaly` on a made scene with nano's cells; the area under the curve; the layout of the data."""

from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets.files import DataSetError
from benchmarks.datasets.ucsd import load
from benchmarks.published import anomaly
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.scene_videos import SceneVideo, read_scene
from jepa_retrieval.models import load_model
from jepa_retrieval.models.runtime.model import RuntimeModel
from tests.media_factory import GREEN, RED, make_video


@pytest.fixture
def scene(tmp_path: Path) -> Path:
    """Four seconds of one colour are normal; in the test video another one follows."""
    for name, colours in {
        "train/01": [RED],
        "train/02": [RED],
        "test/01": [RED, GREEN],
        "test/02": [RED],
    }.items():
        path = tmp_path / f"{name}.mp4"
        path.parent.mkdir(exist_ok=True)
        make_video(path, seconds=1.6, fps=10, scenes=colours)
    (tmp_path / "abnormal_frames.tsv").write_text("file\tfirst\tlast\ntest/01.mp4\t9\t16\n", "utf-8")
    return tmp_path


def test_frames_and_layout(scene: Path) -> None:
    data = load(scene)
    assert [path.name for path in data.training] == ["01.mp4", "02.mp4"]
    assert [video.abnormal for video in data.tests] == [((8, 15),), ()]
    assert len(data.limited(1).tests) == 1 and len(data.limited(1).training) == 2


def test_wrong_tables_are_named(scene: Path) -> None:
    table = scene / "abnormal_frames.tsv"
    table.write_text("file\tfirst\tlast\ntest/01.mp4\tx\t16\n", "utf-8")
    with pytest.raises(DataSetError, match="line 2 must have two frame numbers"):
        load(scene)
    table.write_text("file\tfirst\tlast\ntest/01.mp4\t9\t8\n", "utf-8")
    with pytest.raises(DataSetError, match="no interval"):
        load(scene)


def test_every_row_of_the_table(scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(anomaly, "SEEDS", 1)
    monkeypatch.setattr(anomaly, "STEPS", 2)
    embedder = Embedder(load_model("nano"), cache=tmp_path / "cache")
    outcome = anomaly.evaluate(load(scene), embedder)
    embedder.close()
    assert outcome.counts == {"training videos": 2, "test videos": 2, "test frames": 32, "abnormal": 8}
    assert list(outcome.rows)[:3] == ["surprise", "error alone", "difference of neighbouring cells"]
    assert len(outcome.rows) == 8 and outcome.value == outcome.rows["surprise"]["scaled"]
    # The second colour is far from every training frame for as long as it lasts.
    assert outcome.rows["nearest whole training frame"]["unscaled"] > 90


def test_cells_are_cached(scene: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    model = load_model("nano")
    assert isinstance(model, RuntimeModel)
    training, tests = [scene / "train/01.mp4"], [scene / "test/01.mp4"]
    told: list[tuple[int, int]] = []

    def read() -> tuple[list[SceneVideo], list[SceneVideo]]:
        return read_scene(
            model, training, tests, 10.0, cache=tmp_path / "cache", tell=lambda *n: told.append(n)
        )

    first = read()
    kept = sorted((tmp_path / "cache").rglob("*.npz"))
    times = [path.stat().st_mtime_ns for path in kept]
    again = read()
    assert told == [(1, 2), (2, 2)] * 2 and [path.stat().st_mtime_ns for path in kept] == times
    np.testing.assert_array_equal(first[1][0].cells, again[1][0].cells)
    kept[0].write_bytes(b"cut off")
    mended = read()
    assert "the video is encoded again" in caplog.text
    np.testing.assert_allclose(first[0][0].cells, mended[0][0].cells, rtol=0.01, atol=0.02)


def test_scores_below_what_is_usual_are_all_alike() -> None:
    (found,) = anomaly._logarithms([np.array([0.5, 1.0, 2.0, 8.0])], [np.array([1.0, 2.0, 9.0])])
    np.testing.assert_allclose(found, np.log([2.0, 2.0, 2.0, 8.0]))


def test_scaling_per_video_changes_the_joined_curve_only() -> None:
    labels = [np.array([False] * 10 + [True] * 10), np.array([False] * 20)]
    low = np.concatenate([np.zeros(10), np.ones(10)])
    noise = np.linspace(0, 0.1, 20)
    scaled, unscaled = anomaly.auc([low, noise], labels, 1.0)
    assert unscaled == pytest.approx(100.0) and scaled < 100


def test_smoothing_keeps_length_and_mean() -> None:
    scores = np.array([0.0, 0.0, 9.0, 0.0, 0.0])
    np.testing.assert_allclose(anomaly.smooth(scores, 3), [0, 3, 3, 3, 0])
    np.testing.assert_allclose(anomaly.smooth(scores, 1), scores)
