"""`POST /v1/search` and scores, through real HTTP."""

import base64
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import Running, serving
from tests.real_media import photograph
from tests.waiting import wait_for


def search(client: httpx.Client, query: object, **more: object) -> dict:
    answer = client.post("/v1/search", json={"query": query, **more})
    assert answer.status_code == 200, answer.text
    return answer.json()


def data_url(path: Path) -> str:
    return "data:image/png;base64," + base64.b64encode(path.read_bytes()).decode()


def test_text_finds_what_the_library_finds(client: httpx.Client, library: Path) -> None:
    expected = Library.open(library).search("a cat", top=5).hits

    answer = search(client, "a cat", top_k=5)

    assert [(hit["path"], hit["start"], hit["end"]) for hit in answer["data"]] == [
        (hit.path, hit.start, hit.end) for hit in expected
    ]
    assert [hit["score"] for hit in answer["data"]] == pytest.approx(
        [hit.score for hit in expected], abs=1e-3
    )
    assert [hit["confidence"] for hit in answer["data"]] == pytest.approx(
        [hit.confidence for hit in expected], abs=0.01
    )
    assert [hit["rank"] for hit in answer["data"]] == [1, 2, 3, 4, 5]


def test_terms_are_added_and_subtracted(client: httpx.Client, library: Path) -> None:
    terms = [{"text": "an animal"}, {"text": "a rocket", "weight": -0.5}]

    found = search(client, terms, top_k=1)["data"][0]

    assert found["path"] == "chelsea.png"


def test_a_picture_finds_itself_and_a_hit_finds_more_like_it(client: httpx.Client) -> None:
    (hit,) = search(client, [{"image_url": data_url(photograph("chelsea.png"))}], top_k=1)["data"]
    (again,) = search(client, [{"clip_id": hit["id"]}], top_k=1)["data"]
    (file,) = search(client, [{"media_id": hit["media_id"]}], top_k=1)["data"]

    assert hit["path"] == "chelsea.png"
    assert again["id"] == file["id"] == hit["id"]


def test_pages_continue_where_the_last_one_ended(client: httpx.Client) -> None:
    whole = [hit["id"] for hit in search(client, "a picture", top_k=50)["data"]]
    pages, cursor = [], None
    while True:
        page = search(client, "a picture", top_k=2, cursor=cursor)
        pages += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert [hit["id"] for hit in pages] == whole
    assert [hit["rank"] for hit in pages] == list(range(1, len(whole) + 1))


def test_an_answer_says_whether_its_hits_are_likely(client: httpx.Client) -> None:
    found = search(client, "a cat", top_k=50)
    assert found["verdict"] is None
    confidences = [hit["confidence"] for hit in found["data"]]
    assert 0 < found["likely"] < len(confidences)
    assert confidences[found["likely"] - 1] >= 0.05 > max(confidences[found["likely"] :])

    absent = search(client, "a submarine under ice", top_k=2)
    assert absent["verdict"].startswith("Probably not in this library: the best moment has a confidence of ")
    assert search(client, "a submarine under ice", top_k=2, cursor=absent["next_cursor"])["verdict"] is None


def test_a_cursor_of_another_query_is_refused(client: httpx.Client) -> None:
    cursor = search(client, "a picture", top_k=2)["next_cursor"]

    answer = client.post("/v1/search", json={"query": "a dog", "top_k": 2, "cursor": cursor})

    assert answer.status_code == 422
    assert "another request" in answer.json()["detail"]


def test_filter_group_and_confidence(client: httpx.Client) -> None:
    videos = search(client, "bicycles", filter="kind = 'video'", top_k=50)["data"]
    files = search(client, "bicycles", group_by="file", top_k=50)["data"]
    sure = search(client, "a cat", min_confidence=0.5, top_k=50)["data"]

    assert {hit["kind"] for hit in videos} == {"video"}
    assert len({hit["media_id"] for hit in files}) == len(files)
    assert sure and all(hit["confidence"] >= 0.5 for hit in sure)


@pytest.mark.parametrize(
    "where", ["duratoin > 60", "1; drop table media", "path = (select 1)", "duration >", "'unclosed"]
)
def test_what_is_no_filter_is_a_problem_that_names_the_columns(client: httpx.Client, where: str) -> None:
    answer = client.post("/v1/search", json={"query": "a cat", "filter": where})

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert "duration" in answer.json()["detail"]


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"query": ""},
        {"query": []},
        {"query": "a", "topk": 3},
        {"query": "a", "top_k": 0},
        {"query": [{"text": "a", "clip_id": 1}]},
        {"query": [{"clip_id": 1, "start": 3}]},
        {"query": [{"text": "a", "weight": 0}]},
        {"query": [{"media_id": 1, "start": 5, "end": 4}]},
        {"query": [{"text": "a cat"}, {"text": "a cat", "weight": -1}]},
        {"query": [{"image_url": "http://127.0.0.1/secret.png"}]},
        {"query": [{"image_url": "data:image/png;base64,####"}]},
        {"query": [{"image_url": "data:image/png;base64,bm8gcGljdHVyZQ=="}]},
        {"query": "a", "indexes": ["another"]},
        {"query": "a", "indexes": []},
        {"query": "a\0b"},
    ],
)
def test_bad_queries_are_problems(client: httpx.Client, body: object) -> None:
    answer = client.post("/v1/search", json=body)

    assert answer.status_code == 422, answer.text
    assert answer.json()["status"] == 422
    assert answer.json()["detail"]


def test_unknown_numbers_are_not_found(client: httpx.Client) -> None:
    for term in ({"clip_id": 10**6}, {"media_id": 10**6}, {"media_id": 2**41}):
        assert client.post("/v1/search", json={"query": [term]}).status_code == 404


def test_many_searches_at_once_are_answered_each_with_its_own(server: Running) -> None:
    texts = ["a cat", "a rocket", "a cup of coffee", "bicycles in a street"] * 8

    with ThreadPoolExecutor(16) as threads:
        found = list(threads.map(lambda text: search(server.client, text, top_k=1)["data"][0]["path"], texts))

    assert found == found[:4] * 8
    assert found[0] == "chelsea.png"
    assert found[3] == "bikes.mp4"


def test_one_bad_query_does_not_spoil_those_that_run_with_it(server: Running) -> None:
    bad = [{"text": "a cat"}, {"text": "a cat", "weight": -1}]
    wordless = '"!!!"'

    def status(query: object) -> int:
        return server.client.post("/v1/search", json={"query": query}).status_code

    with ThreadPoolExecutor(16) as threads:
        statuses = list(threads.map(status, ["a cat", bad, wordless] * 12))

    assert statuses == [200, 422, 422] * 12


def test_several_indexes_are_searched_as_one(library: Path, tmp_path: Path) -> None:
    other = tmp_path / "library"  # the same name
    other.mkdir()
    shutil.copy(photograph("astronaut.png"), other)
    Library.create(other).index()

    with serving(ServeSettings(indexes=[library, other], port=0)) as both:
        names = [item["name"] for item in both.client.get("/v1/indexes").json()["data"]]
        found = search(both.client, "a woman in a space suit", top_k=50)["data"]
        astronaut = next(hit for hit in found if hit["path"] == "astronaut.png")
        alike = search(both.client, [{"clip_id": astronaut["id"]}], top_k=1)["data"][0]
        only = search(both.client, "a cat", indexes=[names[1]], top_k=50)["data"]
        quoted = search(both.client, '"a woman"')
        thumbnail = both.client.get(astronaut["thumbnail_url"])
        listed = both.media()

    assert names == ["library", "library 2"]
    assert (quoted["data"], len(quoted["warnings"])) == ([], 1) and "--speech" in quoted["warnings"][0]
    assert {hit["index"] for hit in found} == set(names)
    assert len({hit["id"] for hit in found}) == len(found)
    assert alike["id"] == astronaut["id"]
    assert {hit["index"] for hit in only} == {"library 2"}
    assert thumbnail.headers["content-type"] == "image/jpeg"
    assert {"astronaut.png", "chelsea.png"} <= set(listed)


def test_a_new_commit_is_taken_up_without_a_restart(tmp_path: Path) -> None:
    folder = tmp_path / "growing"
    folder.mkdir()
    shutil.copy(photograph("coffee.png"), folder)
    index = Library.create(folder)
    index.index()

    with serving(ServeSettings(indexes=[folder], port=0, refresh_seconds=0.1)) as running:
        before = search(running.client, "a cat")
        shutil.copy(photograph("chelsea.png"), folder)
        index.index()
        wait_for(lambda: search(running.client, "a cat")["index_version"] != before["index_version"])
        after = search(running.client, "a cat")

    assert [hit["path"] for hit in before["data"]] == ["coffee.png"]
    assert [hit["path"] for hit in after["data"]] == ["chelsea.png", "coffee.png"]


def test_scores_cover_the_whole_file(server: Running) -> None:
    item = server.media()["bikes.mp4"]

    scores = server.client.get(f"/v1/media/{item['id']}/scores", params={"q": "bicycles"}).json()
    posted = server.client.post(f"/v1/media/{item['id']}/scores", json={"query": "bicycles"}).json()
    few = server.client.get(
        f"/v1/media/{item['id']}/scores", params={"q": "bicycles", "max_points": 2}
    ).json()

    assert scores["start"][0] == 0
    assert scores["end"][-1] == pytest.approx(item["duration"], abs=0.1)
    assert scores["start"][1:] == scores["end"][:-1]
    assert {hit["media_id"] for hit in scores["hits"]} == {item["id"]}
    assert posted["score"] == scores["score"]
    assert len(few["score"]) == 2
    assert max(few["score"]) == max(scores["score"])


def test_scores_of_a_photograph_are_one_value(server: Running) -> None:
    number = server.media()["chelsea.png"]["id"]

    scores = server.client.get(f"/v1/media/{number}/scores", params={"q": "a cat"}).json()

    assert scores["start"] == scores["end"] == [None]
    assert scores["score"][0] == pytest.approx(scores["hits"][0]["score"], abs=1e-3)
