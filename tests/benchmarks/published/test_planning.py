"""`jepa bench planning`: questions from cut videos and in WorldPrediction's layout, and the table that they give."""

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from benchmarks.datasets import cut_videos, world_prediction
from benchmarks.datasets.files import DataSetError
from benchmarks.datasets.shapes import Clip
from benchmarks.metrics.intervals import wilson
from benchmarks.published import planning
from tests.media_factory import BLUE, GREEN, RED, YELLOW, make_picture, make_video


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One video of 8 s in four colours, a shorter one, and a picture."""
    folder = tmp_path_factory.mktemp("videos")
    make_video(folder / "long.mp4", seconds=8.4, fps=5, scenes=[RED, GREEN, BLUE, YELLOW])
    make_video(folder / "short.mp4", seconds=2.0, fps=5)
    make_picture(folder / "picture.png", colour=RED)
    return folder


def test_questions_from_a_video(folder: Path) -> None:
    changes = cut_videos.load_change(folder)
    assert [one.group for one in changes.questions] == [0, 1, 2] and changes.named == 3
    for one in changes.questions:
        assert [len(plan) for plan in one.candidates] == [1, 1, 1, 1]
        (right,) = one.candidates[one.answer]
        assert (one.initial.end, one.final.start) == (right.start, right.end)
    orders = cut_videos.load_order(folder)
    for one in orders.questions:
        starts = [[clip.start for clip in plan] for plan in one.candidates]
        assert starts[one.answer] == sorted(starts[one.answer])
        assert len({tuple(plan) for plan in starts}) == 4
    assert cut_videos.load_order(folder) == orders


def test_a_folder_without_long_videos(tmp_path: Path) -> None:
    with pytest.raises(DataSetError, match="no video in it has 8 seconds"):
        cut_videos.load_order(tmp_path)


def test_the_layout_of_worldprediction_pp(folder: Path, tmp_path: Path) -> None:
    names = {letter: make_picture(tmp_path / f"COIN_{letter}.png", colour=RED).stem for letter in "ab"}
    actions = [{"segment_uid": f"segment|{name}"} for name in names.values()]
    question = {
        "states": {"initial": actions[0], "final": actions[1]},
        "candidates": [{"actions": actions[::-1]}, actions],
        "answer": 1,
    }
    table = tmp_path / "worldprediction_pp.json"
    table.write_text(json.dumps([question]), "utf-8")
    (choice,) = world_prediction.parse_plans(table)
    assert choice.answer == 1 and choice.plans[1] == ("segment|COIN_a", "segment|COIN_b")
    (one,) = world_prediction.load_order(tmp_path).questions
    assert [clip.path.stem for clip in one.candidates[0]] == ["COIN_b", "COIN_a"]
    for wrong, message in (
        ({**question, "answer": 2}, "does not say which candidate is right"),
        ({**question, "states": {}}, "must have states with an initial and a final segment_uid"),
    ):
        table.write_text(json.dumps([wrong]), "utf-8")
        with pytest.raises(DataSetError, match=message):
            world_prediction.parse_plans(table)


def test_scores_follow_the_links() -> None:
    clips = np.eye(3, dtype=np.float32)
    ends = np.array([[1, 0, 0], [0, 0, 1]], np.float32)
    seen = np.concatenate([clips, ends])
    foreseen = np.roll(clips, -1, axis=0)  # after each clip the next is foreseen
    found = planning._scores(seen, foreseen, [[0, 1, 2], [1, 0, 2]], (3, 4))
    assert found[planning.PLAN].tolist() == pytest.approx([3 / 4, 0.0])
    assert found["resemblance of the ends"].tolist() == pytest.approx([1.0, 0.5])
    assert found["straight way"][0] > found["straight way"][1]


class KnowingEmbedder:
    """Of a video of four clips, each clip is an axis, foreseen is the next, and a change is the clip between."""

    model = None

    def __init__(self, unreadable: int = 0) -> None:
        self._unreadable = unreadable  # how many of the clips cannot be read

    def clips(self, clips: Sequence[Clip]) -> tuple[np.ndarray, np.ndarray]:
        """Pictures are what the clips at their place are."""
        readable = np.arange(len(clips)) >= self._unreadable
        return np.stack([self._axis(clip, 0) for clip in clips]), readable

    def foreseen(self, clips: Sequence[Clip], _: object) -> tuple[np.ndarray, np.ndarray]:
        """The axis of the next clip."""
        return np.stack([self._axis(clip, 1) for clip in clips]), np.ones(len(clips), bool)

    def states(self, pairs: Sequence[tuple[Clip, Clip]]) -> tuple[np.ndarray, np.ndarray]:
        """The axis of the clip after the first picture."""
        return np.stack([self._axis(first, 1) for first, _ in pairs]), np.ones(len(pairs), bool)

    def _axis(self, clip: Clip, later: int) -> np.ndarray:
        return np.eye(6, dtype=np.float32)[int(((clip.start or 0.0) + 0.01) // 2.1) + later]


def test_who_knows_what_follows_is_right(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "open_dynamics", lambda model: None)
    change = planning.evaluate(cut_videos.load_change(folder), KnowingEmbedder())  # type: ignore[arg-type]
    order = planning.evaluate(cut_videos.load_order(folder), KnowingEmbedder())  # type: ignore[arg-type]
    assert list(change.rows)[-2:] == [planning.INVERSE, "guessing"] and planning.INVERSE not in order.rows
    assert change.counts == {"questions named": 3, "questions found": 3, "questions asked": 3} == order.counts
    assert order.rows["guessing"] == {"questions": 3, "accuracy": 25.0}
    assert (change.value, order.value) == (100.0, 100.0)
    figures = order.rows[planning.PLAN]
    assert (figures["to"], figures["±"]) == (pytest.approx(100.0), 0.0) and figures["from"] < 60
    blind = planning.evaluate(cut_videos.load_order(folder), KnowingEmbedder(unreadable=1))  # type: ignore[arg-type]
    assert blind.counts["questions asked"] == 0 and blind.value == 0.0


def test_an_interval_of_a_share() -> None:
    assert wilson(0, 0) == (0.0, 100.0)
    low, high = wilson(50, 100)
    assert (low, high) == (pytest.approx(40.38, abs=0.01), pytest.approx(59.62, abs=0.01))
    assert wilson(10, 10)[1] == pytest.approx(100.0) and wilson(0, 10)[0] == pytest.approx(0.0)
