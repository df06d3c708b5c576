"""Surprise and anticipation, through real HTTP."""

from pathlib import Path

import pytest

from jepa_retrieval.serving.media_files import MediaFiles
from tests.jepa_retrieval.serving.conftest import Running
from tests.media_factory import make_video


def test_a_video_has_a_curve_of_surprise(server: Running) -> None:
    item = server.media()["bikes.mp4"]

    answer = server.client.post("/v1/surprise", json={"media_id": item["id"], "min_z": 0})
    everywhere = server.client.post("/v1/surprise", json={"min_z": 0})

    assert answer.status_code == everywhere.status_code == 200, answer.text + everywhere.text
    found = answer.json()
    starts = [start for start, _ in found["curve"]]
    assert starts == sorted(starts)
    assert 0 <= starts[0] <= starts[-1] < item["duration"]
    assert found["data"]
    assert all(one["media_id"] == item["id"] for one in found["data"])
    assert everywhere.json()["curve"] is None


def test_what_may_come_next_has_labels_and_moments(server: Running) -> None:
    media = server.media()
    body = {
        "media_id": media["bikes.mp4"]["id"],
        "at": 6.0,
        "horizons": [2.0],
        "labels": ["bicycles", "a cat"],
    }

    answer = server.client.post("/v1/anticipate", json=body)
    of_photograph = server.client.post("/v1/anticipate", json={"media_id": media["chelsea.png"]["id"]})

    assert answer.status_code == 200, answer.text
    (horizon,) = answer.json()["horizons"]
    assert answer.json()["at"] <= 6.0
    assert {label["name"] for label in horizon["labels"]} == {"bicycles", "a cat"}
    assert horizon["moments"]
    assert 0 <= horizon["confidence"] <= 1
    assert of_photograph.status_code == 422


def test_damage_that_was_skipped_is_shown(
    server: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hurt = make_video(tmp_path / "a.ts", seconds=6.0, size=(320, 240), gop=25)
    data = hurt.read_bytes()
    lost = len(data) // 188 * 95 // 100 * 188
    hurt.write_bytes(data[:lost] + data[lost + 188 :])  # one packet of the transport stream
    monkeypatch.setattr(MediaFiles, "readable", lambda *_: hurt)
    number = server.media()["bikes.mp4"]["id"]

    past = server.client.post("/v1/surprise", json={"media_id": number}).json()
    ahead = server.client.post("/v1/anticipate", json={"media_id": number}).json()

    assert (past["partial"], past["warnings"]) == (None, ["1 packet is damaged"])
    assert (ahead["partial"], ahead["warnings"]) == (None, ["1 packet is damaged"])
