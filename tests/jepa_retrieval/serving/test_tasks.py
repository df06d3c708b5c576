"""Labels, questions, duplicates and export, through real HTTP."""

import csv
import io
import json
import shutil
import zipfile
from pathlib import Path

import av
import httpx
import pytest

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import Running, serving
from tests.real_media import photograph

LABELS = ["a cat", "a rocket", "a cup of coffee", "bicycles"]


def test_labels_are_those_of_the_library(client: httpx.Client, library: Path) -> None:
    expected = Library.open(library).classify(LABELS)

    answer = client.post("/v1/classify", json={"labels": LABELS}).json()

    assert answer["candidates"] == LABELS
    assert {item["path"]: item["choices"][0]["name"] for item in answer["data"]} == {
        item.path: item.labels[0].name for item in expected.items
    }
    assert answer["total"] == len(answer["data"])


def test_one_file_is_labelled_over_time(server: Running) -> None:
    item = server.media()["bikes.mp4"]

    answer = server.client.post(
        "/v1/classify", json={"labels": LABELS, "media_id": item["id"], "per": "clip", "limit": 1}
    ).json()

    assert answer["total"] == item["clips"]
    assert len(answer["data"]) == 1
    assert answer["data"][0]["media_id"] == item["id"]
    assert answer["data"][0]["start"] == 0


def test_questions_are_answered_for_the_library_and_for_a_file(server: Running) -> None:
    number = server.media()["chelsea.png"]["id"]

    everywhere = server.client.post("/v1/ask", json={"question": "Is there a cat?", "answer": "yes"}).json()
    near = server.client.post(
        "/v1/ask", json={"question": "Is there a cat?", "search": "a cat", "clips": 2}
    ).json()
    one = server.client.post("/v1/ask", json={"question": "Is there a cat?", "media_id": number}).json()

    yes = [
        next(c["probability"] for c in item["choices"] if c["name"] == "yes") for item in everywhere["data"]
    ]
    assert yes == sorted(yes, reverse=True)
    assert near["total"] == 2
    assert [item["media_id"] for item in one["data"]] == [number]


def test_a_filter_holds_for_a_search_in_one_file_too(server: Running) -> None:
    number = server.media()["bikes.mp4"]["id"]
    body = {"question": "Is there a bicycle?", "search": "bicycles", "media_id": number, "per": "clip"}

    every = server.client.post("/v1/ask", json=body).json()["data"]
    later = server.client.post("/v1/ask", json={**body, "filter": "start > 0"}).json()["data"]

    assert every[0]["start"] == 0
    assert [item["clip_id"] for item in later] == [item["clip_id"] for item in every[1:]]


@pytest.mark.parametrize(
    ("url", "body"),
    [
        ("/v1/classify", {"labels": []}),
        ("/v1/classify", {"labels": ["a", "a"]}),
        ("/v1/classify", {"labels": ["a"], "templates": ["no place"]}),
        ("/v1/classify", {"labels": ["a"], "filter": "nothing = 1"}),
        ("/v1/ask", {"question": "?"}),
        ("/v1/ask", {"question": "Is it?", "answer": "perhaps"}),
        ("/v1/export", {"format": "csv", "moments": []}),
        ("/v1/export", {"format": "doc", "moments": [{"clip_id": 0}]}),
        ("/v1/export", {"format": "csv", "moments": [{"clip_id": 0, "media_id": 0}]}),
    ],
)
def test_bad_requests_are_problems(client: httpx.Client, url: str, body: object) -> None:
    answer = client.post(url, json=body)

    assert answer.status_code == 422, answer.text
    assert answer.headers["content-type"] == "application/problem+json"


def test_duplicates_are_found(tmp_path: Path) -> None:
    folder = tmp_path / "twice"
    folder.mkdir()
    for name in ("a.png", "b.png"):
        shutil.copy(photograph("coffee.png"), folder / name)
    Library.create(folder).index()

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        (group,) = running.client.get("/v1/duplicates").json()["groups"]

    assert group["kind"] == "copies"
    assert [file["path"] for file in group["files"]] == ["a.png", "b.png"]


def test_moments_are_exported(server: Running) -> None:
    media = server.media()
    hit = server.client.post("/v1/search", json={"query": "bicycles", "top_k": 1}).json()["data"][0]
    moments = [
        {"clip_id": hit["id"], "start": 6.0, "end": 8.0},
        {"media_id": media["old.avi"]["id"], "end": 1.0},
    ]

    table = server.client.post("/v1/export", json={"format": "csv", "moments": moments, "title": "bikes"})
    clips = server.client.post("/v1/export", json={"format": "zip", "moments": moments})

    assert table.headers["content-type"].startswith("text/csv")
    assert "attachment" in table.headers["content-disposition"]
    assert [row["path"] for row in csv.DictReader(io.StringIO(table.text))] == ["bikes.mp4", "old.avi"]
    with zipfile.ZipFile(io.BytesIO(clips.content)) as archive:
        names = [name for name in archive.namelist() if not name.endswith(".csv")]
        assert len(names) == 2
        with av.open(io.BytesIO(archive.read(names[0]))) as container:
            assert float(container.duration or 0) / av.time_base == pytest.approx(2, abs=0.3)


def test_every_format_is_exported(server: Running) -> None:
    number = server.media()["bikes.mp4"]["id"]
    for form in ("edl", "otio", "fcpxml", "vtt", "csv"):
        moment = {"media_id": number, "start": 1.0, "end": 2.0, "label": "two bicycles"}
        answer = server.client.post("/v1/export", json={"format": form, "moments": [moment]})
        assert answer.status_code == 200, answer.text
        assert "bikes" in answer.text or "bicycles" in answer.text


def test_what_is_left_out_of_an_export_is_counted_and_the_first_are_named(server: Running) -> None:
    media = server.media()
    moments = [{"media_id": media["bikes.mp4"]["id"], "start": 0.0, "end": 1.0}]
    moments += [{"media_id": media["coffee.png"]["id"]}] * 300
    answer = server.client.post("/v1/export", json={"format": "edl", "moments": moments})
    assert answer.headers["x-jepa-left-out-count"] == "300"
    named = json.loads(answer.headers["x-jepa-left-out"])
    assert 10 < len(named) < 300
    assert {(row["path"], row["reason"]) for row in named} == {("coffee.png", "an EDL holds no photographs")}
