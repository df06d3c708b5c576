"""What needs the real default model: searching through an index, and its text tower alone."""

from pathlib import Path
from typing import cast

import numpy as np
import pytest

from benchmarks.datasets.shapes import Clip, Event, RetrievalSet, TimedSet, TimedVideo
from benchmarks.published import selective_decoding
from benchmarks.published.indexed_retrieval import search_all
from benchmarks.shared.embedder import Embedder
from benchmarks.shared.text_tower import tower_encoder
from benchmarks.speed import training_speed
from jepa_retrieval.models import load_model
from tests.real_media import copy_media

pytestmark = pytest.mark.long


def test_captions_are_searched_in_an_index_of_the_files(tmp_path: Path) -> None:
    photographs = sorted((copy_media(tmp_path) / "photos").iterdir())
    broken = tmp_path / "other" / "broken.png"
    broken.parent.mkdir()
    broken.write_bytes(b"no picture")
    clips = tuple(Clip(path) for path in (*photographs, broken))
    names = [path.stem for path in photographs]
    captions = ("a cat", "a cup of coffee on a table")
    owners = (names.index("chelsea"), names.index("coffee"))
    ranking = search_all(RetrievalSet("t", clips, captions, owners, len(clips)), "nano")
    assert ranking.indexed == frozenset(range(len(photographs)))
    assert [path.rsplit("/", 1)[-1] for path in ranking.failed] == ["broken.png"]
    assert [sorted(found) for found in ranking.found] == [list(range(len(photographs)))] * 2
    assert [found[0] for found in ranking.found] == list(owners)


def test_selective_decoding_measures_any_set_of_timed_videos(tmp_path: Path) -> None:
    media = copy_media(tmp_path)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    moments = (Event(1.0, 1.0, "bikes in a street"), Event(4.0, 4.0, "people walk in a city"))
    videos = (
        TimedVideo(media / "videos" / "bikes.mp4", moments),
        TimedVideo(tmp_path / "broken.mp4", moments),
    )
    embedder = Embedder(load_model("nano"), cache=tmp_path / "cache")
    outcome = selective_decoding.evaluate(TimedSet("t", videos, named=3), embedder)
    assert list(outcome.rows) == ["all, CIDEr", "all, cosine x 100"]  # a moment cannot be covered
    assert outcome.rows["all, cosine x 100"]["events"] == 2
    assert outcome.value == outcome.rows["all, CIDEr"]["times fewer"] > 0
    assert outcome.counts == {"videos named": 3, "videos read": 1, "events": 2}
    assert list(embedder.unreadable) == [str(tmp_path / "broken.mp4")]


def test_the_tower_alone_has_its_own_width_and_knows_what_is_alike() -> None:
    vectors = tower_encoder("nano")(["a dog runs", "a running dog", "the stock market fell"])
    assert vectors.shape == (3, 384)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, rtol=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3


def test_loop_and_limit_of_training_are_timed(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept: dict[str, dict[str, object]] = {}
    monkeypatch.setattr(training_speed, "save_result", lambda name, result: kept.setdefault(name, result))
    monkeypatch.setattr("sys.argv", ["training_speed", "--batch", "8", "--steps", "1", "--turns", "1"])
    training_speed.main()
    assert "share of the limit" in capsys.readouterr().out
    result = kept["training_speed"]
    assert all(seconds > 0 for name in ("loop", "limit") for seconds in cast(list[float], result[name]))
