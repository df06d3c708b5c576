"""Surprise and anticipation, through real HTTP."""

from tests.jepa_retrieval.serving.conftest import Running


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
