"""Adapters of hard negatives, world prediction and timed videos, in their published layouts; see `layouts`."""

from pathlib import Path

import pytest

from benchmarks.datasets.files import DataSetError
from benchmarks.datasets.shapes import (
    Event,
    StateChangeSet,
    TimedSet,
    TripletSet,
)
from tests.benchmarks.datasets.layouts import lay_out, load
from tests.media_factory import make_video


def test_sugarcrepe_pp_has_five_subsets(tmp_path: Path) -> None:
    row = {"id": 0, "caption": "a", "caption2": "b", "negative_caption": "c"}
    names = ("replace_att", "replace_obj", "replace_rel", "swap_att", "swap_obj")
    data = load(
        "hard-negatives", "sugarcrepe-pp", lay_out(tmp_path, {f"{name}.json": [row] for name in names})
    )
    assert isinstance(data, TripletSet)
    assert len({triplet.subset for triplet in data.triplets}) == len(data.triplets) == 5
    assert (data.triplets[0].first, data.triplets[0].second, data.triplets[0].negative) == ("a", "b", "c")


def test_visla_reads_both_kinds_of_columns(tmp_path: Path) -> None:
    close, far = "Best reference (Semantically close)", "Reference-2 (Completely irrelevant)"
    files = {
        "Generic_VISLA.tsv": "filename\tcaption\tsecond positive\tnegative_caption\r\n1.jpg\ta\tb\tc\r\n",
        "Spatial_VISLA.tsv": f'image\tsent1\tsent2\t{close}\t{far}\r\n1.jpg\td\te"\tf\tg\r\n',
    }
    data = load("hard-negatives", "visla", lay_out(tmp_path, files))
    assert isinstance(data, TripletSet)
    assert [(t.first, t.second, t.negative, t.subset) for t in data.triplets] == [
        ("a", "b", "c", "generic"),
        ("d", 'e"', "f", "spatial"),
    ]


def test_world_prediction_needs_every_segment(tmp_path: Path) -> None:
    def row(*actions: str) -> dict[str, object]:
        candidates = [{"segment_uid": f"segment|COIN|{name}"} for name in actions]
        return {"states": {"segment_uid": "segment|COIN|s_000"}, "candidates": candidates, "answer": 1}

    make_video(tmp_path / "segment_COIN_s_000.mp4", seconds=2.0, gop=10)
    files = {"worldprediction_wm.json": [row("a_1", "b_2"), row("a_1", "gone")], "a_1.mp4": None}
    lay_out(tmp_path, {**files, "segment|COIN|b_2.mp4": None})
    data = load("world-prediction", "worldprediction-wm", tmp_path)
    assert isinstance(data, StateChangeSet)
    (change,) = data.changes
    assert (change.initial.start, change.initial.end) == (0.0, 0.5)
    assert change.final.start == pytest.approx(1.5, abs=0.05)
    assert [clip.path.name for clip in change.actions] == ["a_1.mp4", "segment|COIN|b_2.mp4"]
    assert (change.answer, data.named) == (1, 2)


def test_world_prediction_must_say_what_is_right(tmp_path: Path) -> None:
    row = {"states": {"segment_uid": "s"}, "candidates": [{"segment_uid": "a"}]}
    lay_out(tmp_path, {"worldprediction_wm.json": [row]})
    with pytest.raises(DataSetError, match="question 1 does not say which candidate is right"):
        load("world-prediction", "worldprediction-wm", tmp_path)


def test_long_timed_sorts_events(tmp_path: Path) -> None:
    heading = "file\tstart_s\tend_s\tcaption\n"
    text = f"{heading}a.mp4\t5\t6.5\t(2nd annotator) later\na.mp4\t0\t5\tsooner\n"
    data = load("selective-decoding", "long-timed", lay_out(tmp_path, {"MANIFEST.tsv": text, "a.mp4": None}))
    assert isinstance(data, TimedSet)
    assert data.videos[0].events == (Event(0.0, 5.0, "sooner"), Event(5.0, 6.5, "later"))
    assert data.videos[0].events[1].middle == 5.75
