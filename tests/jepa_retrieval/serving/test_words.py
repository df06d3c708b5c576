"""What is said and written, as the REST interface answers it."""

from tests.jepa_retrieval.serving.conftest import Running


def test_hits_say_what_they_were_found_by(words: Running) -> None:
    def found(**body: object) -> list[tuple[str, list[str], str | None, str | None]]:
        answer = words.client.post("/v1/search", json=body)
        answer.raise_for_status()
        hits = answer.json()["data"]
        return [(hit["path"], hit["found_by"], hit["said"], hit["written"]) for hit in hits]

    assert found(query='"good evening"') == [("bikes.mp4", ["said"], "good evening", None)]
    assert found(query="harbour", within=["written"]) == [
        ("coffee.png", ["written"], None, "Harbour <b>Coffee</b>")
    ]
    seen = found(query="harbour coffee", within=["seen"])
    assert all(hit[1:] == (["seen"], None, None) for hit in seen)
    both = found(query="harbour coffee")
    assert both[0][:2] == ("coffee.png", ["seen", "written"])
    refused = words.client.post("/v1/search", json={"query": "a", "within": ["heard"]})
    assert refused.status_code == 422
