"""What every route has in common: HEAD, values of the wrong type, fields that do not go together, errors."""

import shutil
import socket
from pathlib import Path
from typing import Any

import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.serving.problems import ProblemError, problem_of
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import Running, serving


@pytest.mark.parametrize(
    "path", ["/healthz", "/v1/indexes", "/v1/media", "/v1/jobs", "/metrics", "/openapi.json", "/docs", "/"]
)
def test_head_is_answered_as_get_without_a_body(server: Running, path: str) -> None:
    head, get = server.client.head(path), server.client.get(path)
    assert (head.status_code, head.content) == (get.status_code, b"") == (200, b"")
    assert head.headers["content-type"] == get.headers["content-type"]


def test_head_of_files_and_of_what_is_not_there(server: Running) -> None:
    item = server.media()["bikes.mp4"]
    file, preview = server.client.head(item["file_url"]), server.client.head(item["preview_url"])
    assert file.status_code == 200 and int(file.headers["content-length"]) == item["size"]
    assert (preview.status_code, preview.content) == (200, b"")
    assert server.client.head("/v1/media/99999999").status_code == 404
    assert server.client.head("/v1/search").status_code == server.client.get("/v1/search").status_code


@pytest.mark.parametrize(
    ("path", "body", "pointer"),
    [
        ("/v1/search", {"query": "a", "top_k": True}, "/top_k"),
        ("/v1/search", {"query": "a", "min_confidence": True}, "/min_confidence"),
        ("/v1/search", {"query": [{"text": "a", "weight": True}]}, "/query"),
        ("/v1/surprise", {"media_id": True}, "/media_id"),
        ("/v1/anticipate", {"media_id": 0, "horizons": [True]}, "/horizons"),
        ("/v1/export", {"format": "csv", "moments": [{"media_id": 0, "start": False}]}, "/moments"),
        ("/v1/embeddings", {"input": "a", "dimensions": True}, "/dimensions"),
        ("/v1/jobs/index", {"retry_failed": 1}, "/retry_failed"),
    ],
)
def test_a_boolean_is_no_number(server: Running, path: str, body: dict[str, Any], pointer: str) -> None:
    answer = server.client.post(path, json=body)
    assert answer.status_code == 422, answer.text
    assert any(error["pointer"].startswith(pointer) for error in answer.json()["errors"])


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ([{"text": "a", "weight": "1"}], "/query/0/weight"),
        ([{"text": "a"}, {"text": "b", "wieght": 1}], "/query/1/wieght"),
        ([{"clip_id": True}], "/query/0/clip_id"),
        ([{"text": "a", "clip_id": 1}], "/query/0"),
        (["a"], "/query/0"),
        ([], "/query"),
        ("", "/query"),
        (5, "/query"),
    ],
)
def test_an_error_in_a_query_points_to_its_place(server: Running, query: Any, pointer: str) -> None:
    answer = server.client.post("/v1/search", json={"query": query})
    assert answer.status_code == 422
    assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert answer.json()["detail"].startswith(f"{pointer}: ")


@pytest.mark.parametrize(
    ("path", "body", "said"),
    [
        ("/v1/surprise", {"media_id": 0, "filter": "duration > 1"}, "index and filter"),
        ("/v1/surprise", {"media_id": 0, "index": "library"}, "index and filter"),
        ("/v1/classify", {"labels": ["a"], "media_id": 0, "indexes": ["library"]}, "indexes"),
        ("/v1/ask", {"question": "a?", "media_id": 0, "indexes": ["library"]}, "indexes"),
        ("/v1/ask", {"question": "a?", "clips": 5}, "clips needs search"),
        (
            "/v1/embeddings",
            {"messages": [{"content": [{"type": "text", "text": "a", "image_url": {"url": "data:,a"}}]}]},
            "and nothing else",
        ),
    ],
)
def test_no_field_is_left_out_silently(server: Running, path: str, body: dict[str, Any], said: str) -> None:
    answer = server.client.post(path, json=body)
    assert answer.status_code == 422 and said in answer.text, answer.text


@pytest.mark.parametrize(
    ("address", "name", "said"),
    [
        ("/v1/duplicates?limit=x", "limit", "there is no such parameter; parameters are threshold, index"),
        ("/v1/media?limit=1&indexes=a", "indexes", "limit, filter, state, index, cursor"),
        ("/v1/media?limit=1&limit=2", "limit", "it is given twice"),
        ("/v1/media/0?limit=1", "limit", "this address takes none"),
        ("/v1/media/0/preview?begin=1", "begin", "start, end, height, sound"),
        ("/v1/saved-searches?q=1", "q", "this address takes none"),
        ("/v1/alerts/events?after=1", "after", "this address takes none"),
    ],
)
def test_a_parameter_that_a_route_does_not_have_is_refused_by_name(
    server: Running, address: str, name: str, said: str
) -> None:
    answer = server.client.get(address)
    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{name}: ") and said in answer.json()["detail"]
    assert [error["pointer"] for error in answer.json()["errors"]] == [name]
    assert server.client.get("/healthz?now=1").status_code == 200  # as those ask who keep caches away


def test_a_photograph_has_no_times_to_export(server: Running) -> None:
    moment = {"media_id": server.media()["chelsea.png"]["id"], "start": 1.0, "end": 2.0}
    answer = server.client.post("/v1/export", json={"format": "csv", "moments": [moment]})
    assert answer.status_code == 422 and "a photograph has no times" in answer.json()["detail"]


def test_an_unknown_method_is_answered_with_a_problem_document(server: Running) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(b"F@O / HTTP/1.1\r\nHost: localhost\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(4096), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400") and b"application/problem+json" in head
    assert b"content-security-policy" in head and b'"status": 400' in body


def test_an_index_that_is_deleted_makes_the_server_unready(library: Path, tmp_path: Path) -> None:
    shutil.copytree(library, tmp_path / "own")
    with serving(ServeSettings(indexes=[tmp_path / "own"], port=0)) as running:
        assert running.client.get("/readyz").status_code == 200
        shutil.rmtree(tmp_path / "own" / ".jepa")
        answer = running.client.get("/readyz")
        assert answer.status_code == 503 and "own" in answer.json()["detail"]
        assert running.client.get("/healthz").status_code == 200


@pytest.mark.parametrize(
    ("reason", "sentence"),
    [
        ("its picture of 9 x 9 pixels is too large", "the file's picture of 9 x 9 pixels is too large"),
        ("is empty", "the file is empty"),
        ("permission denied", "the file cannot be read: permission denied"),
    ],
)
def test_reasons_of_files_are_sentences(reason: str, sentence: str) -> None:
    assert problem_of(UnreadableMediaError("/secret/a.mp4", reason)).detail == sentence


def test_a_file_without_a_record_is_no_file_number_0(server: Running) -> None:
    (commit,) = server.services.indexes.commits()
    with pytest.raises(ProblemError, match="no record of 'gone\\.mp4'"):
        commit.media_id("gone.mp4")
