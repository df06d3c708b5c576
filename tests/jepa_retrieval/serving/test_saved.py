"""Saved searches, and alerts on what is new, through real HTTP."""

import json
import shutil
import threading
from pathlib import Path
from typing import Any

import httpx

from jepa_retrieval.library import Library
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.saved import SavedSearchStore
from jepa_retrieval.serving.schemas.saved import SavedSearch, SavedSearchRequest
from jepa_retrieval.serving.settings import ServeSettings
from jepa_retrieval.serving.watching.streams import WatchedStream
from tests.jepa_retrieval.serving.conftest import serving
from tests.real_media import photograph, video
from tests.waiting import MAX_SECONDS, wait_for

CATS = {"name": "cats", "query": "a cat", "alert": True, "min_confidence": 0.3}


def test_searches_are_kept_over_a_restart_until_they_are_deleted(library: Path, tmp_path: Path) -> None:
    settings = ServeSettings(indexes=[library], port=0, data_folder=tmp_path)
    with serving(settings) as running:
        saved = running.client.post("/v1/saved-searches", json=CATS)
    with serving(settings) as running:
        kept = running.client.get("/v1/saved-searches").json()["data"]
        deleted = running.client.delete(f"/v1/saved-searches/{kept[0]['id']}")
        again = running.client.delete(f"/v1/saved-searches/{kept[0]['id']}")
        empty = running.client.get("/v1/saved-searches").json()["data"]

    assert saved.status_code == 201
    assert kept == [saved.json()]
    assert (deleted.status_code, again.status_code, empty) == (204, 404, [])


def test_a_damaged_file_of_searches_is_a_problem_and_is_kept(library: Path, tmp_path: Path) -> None:
    (tmp_path / "saved-searches.json").write_text("[{]")
    with serving(ServeSettings(indexes=[library], port=0, data_folder=tmp_path)) as running:
        listed = running.client.get("/v1/saved-searches")
        added = running.client.post("/v1/saved-searches", json=CATS)

    assert listed.status_code == added.status_code == 503
    assert (tmp_path / "saved-searches.json").read_text() == "[{]"


def test_what_no_search_takes_is_not_saved(library: Path, tmp_path: Path) -> None:
    wrong: list[dict[str, Any]] = [
        {"filter": "no such column > 1"},
        {"filter": "size >"},
        {"indexes": ["none"]},
        {"query": '""'},
        {"query": [{"text": "a cat"}, {"text": " "}]},
        {"query": [{"image_url": "data:image/png;base64,AAAA"}]},
        {"query": [{"text": "dog"}, {"text": "dog", "weight": -1}]},
        {"query": '"!!!"'},
        {"query": [{"text": '"good evening"'}, {"text": "dog", "weight": -1}]},
    ]
    with serving(ServeSettings(indexes=[library], port=0, data_folder=tmp_path)) as running:
        for fields in wrong:
            saved = running.client.post("/v1/saved-searches", json=CATS | fields)
            searched = running.client.post("/v1/search", json={"query": "a cat"} | fields)
            assert saved.status_code == searched.status_code == 422
            assert saved.json()["detail"] == searched.json()["detail"]
        kept = running.client.post("/v1/saved-searches", json=CATS | {"filter": "duration > 60"})
        assert (kept.status_code, len(running.client.get("/v1/saved-searches").json()["data"])) == (201, 1)


def test_streams_are_not_watched_for_what_is_in_quotes() -> None:
    for query, watched in (
        ("a dog", True),
        ('"a dog"', False),
        ("a “dog” barks", False),
        ('a 12" record', True),
    ):
        saved = SavedSearch(name="dogs", query=query, alert=True, id="1", created="2026-01-01T00:00:00Z")
        assert saved.on_streams is watched


def test_what_is_new_and_fits_is_an_alert(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    for name in ("coffee.png", "rocket.jpg", "astronaut.png"):
        shutil.copy(photograph(name), folder)
        shutil.copy(photograph(name), folder / f"again {name}")
    index = Library.create(folder)
    index.index()

    with serving(ServeSettings(indexes=[folder], port=0, refresh_seconds=0.1)) as running:
        running.client.post("/v1/saved-searches", json=CATS)
        running.client.post(
            "/v1/saved-searches", json={"name": "rockets", "query": "a rocket", "alert": True}
        )
        running.client.post("/v1/saved-searches", json={"name": "quiet", "query": "a cat"})
        told: list[dict[str, Any]] = []
        listening = threading.Event()

        def listen() -> None:
            with running.client.stream("GET", "/v1/alerts/events") as answer:
                listening.set()
                for line in answer.iter_lines():
                    if line.startswith("data:"):
                        told.append(json.loads(line.removeprefix("data:")))
                        return

        thread = threading.Thread(target=listen)
        thread.start()
        assert listening.wait(MAX_SECONDS)
        shutil.copy(photograph("chelsea.png"), folder)
        index.index()
        thread.join(MAX_SECONDS)
        listed = running.client.get("/v1/alerts").json()["data"]
        missed = first_event(running.client, "0")

    assert [(alert["search_name"], alert["hit"]["path"]) for alert in listed] == [("cats", "chelsea.png")]
    assert told == listed
    assert missed == listed[0]


def test_alerts_after_a_restart_have_numbers_of_their_own() -> None:
    saved = SavedSearch(name="cats", query="a cat", id="1", created="")
    numbers = []
    for _ in range(2):
        alerts = Alerts()
        alerts.add_sighting(saved, "yard", 0.0, 1.0, 0.5, None)
        numbers.append(alerts.all()[0].number)
    assert numbers[0] < numbers[1] < 2**53  # which JavaScript can count


def first_event(client: httpx.Client, after: str) -> dict[str, Any]:
    with client.stream("GET", "/v1/alerts/events", headers={"Last-Event-ID": after}) as answer:
        data = next(line for line in answer.iter_lines() if line.startswith("data:"))
        return json.loads(data.removeprefix("data:"))


def test_a_watched_stream_that_fits_is_an_alert_with_a_picture(library: Path, tmp_path: Path) -> None:
    kept = SavedSearchStore(tmp_path)
    common = {"alert": True, "min_confidence": 0.1}
    kept.add(SavedSearchRequest(name="bicycles", query="bicycles in a city street", **common))
    kept.add(SavedSearchRequest(name="submarine", query="a submarine under ice", alert=True))
    kept.add(SavedSearchRequest(name="filtered", query="bicycles", filter="kind = 'video'", **common))
    (tmp_path / "damaged.mp4").write_bytes(b"no video at all" * 100)
    streams = [str(video("bikes.mp4")), str(tmp_path / "damaged.mp4")]
    settings = ServeSettings(indexes=[library], port=0, data_folder=tmp_path, streams=streams)

    with serving(settings) as running:
        alert = first_event(running.client, "0")
        picture = running.client.get(alert["sighting"]["picture_url"])
        without = running.client.get("/v1/alerts/99/picture")
        searches = running.client.get("/v1/saved-searches").json()["data"]
        states = wait_for_states(running.client, {"ended", "failed"})

    assert (alert["search_name"], alert["hit"]) == ("bicycles", None)
    assert alert["sighting"]["stream"] == "bikes.mp4"
    assert 0.1 <= alert["sighting"]["confidence"] <= 1
    assert 0 <= alert["sighting"]["start"] < alert["sighting"]["end"]
    assert picture.content.startswith(b"\xff\xd8") and picture.headers["content-type"] == "image/jpeg"
    assert without.status_code == 404
    assert [saved["on_streams"] for saved in searches] == [True, True, False]
    assert [(item["name"], item["state"]) for item in states] == [
        ("bikes.mp4", "ended"),
        ("damaged.mp4", "failed"),
    ]
    assert states[1]["detail"]


def wait_for_states(client: httpx.Client, wanted: set[str]) -> list[dict[str, Any]]:
    def reached() -> list[dict[str, Any]] | None:
        found: list[dict[str, Any]] = client.get("/v1/streams").json()["data"]
        return found if {item["state"] for item in found} == wanted else None

    return wait_for(reached)


def test_a_stream_is_named_without_what_is_secret_in_its_address(tmp_path: Path) -> None:
    sources = [
        "rtsp://user:secret@camera:554/live?token=hidden",
        "rtsp://user:se/cret@camera/1",
        "rtsp://user:se#cret@camera/1",
        "rtsp://[camera/1",
        "camera:0",
        str(tmp_path / "yard.mp4"),
    ]
    names = [WatchedStream(StreamSource.parse(source), source).name for source in sources]
    assert names == [
        "rtsp://camera:554/live",
        "rtsp://camera/1",
        "rtsp://***",
        "rtsp://[camera/1",
        "camera:0",
        "yard.mp4",
    ]
