"""What is said and written, as the REST interface answers it."""

import io

import av
import pytest

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


def test_files_with_sound_only_are_found_and_played(words: Running) -> None:
    answer = words.client.post("/v1/search", json={"query": "lighthouse keeper", "filter": "kind = 'audio'"})
    hits = answer.json()["data"]
    assert {(hit["path"], hit["kind"], hit["said"], hit["thumbnail_url"]) for hit in hits} == {
        (name, "audio", "lighthouse keeper", None) for name in ("talk.mp3", "talk.mka")
    }
    files = words.media()
    assert [files[name]["plays_natively"] for name in ("talk.mp3", "talk.mka")] == [True, False]
    sent = words.client.get(files["talk.mp3"]["file_url"])
    assert sent.headers["content-type"] == "audio/mpeg"
    preview = words.client.get(files["talk.mka"]["preview_url"], params={"start": 1})
    with av.open(io.BytesIO(preview.content)) as container:
        heard = sum(frame.samples / frame.sample_rate for frame in container.decode(audio=0))
    assert heard == pytest.approx(2.0, abs=0.1)
    number = files["talk.mp3"]["id"]
    assert words.client.get(f"/v1/media/{number}/thumbnail").status_code == 404
    scores = words.client.post(f"/v1/media/{number}/scores", json={"query": "lighthouse keeper"}).json()
    assert scores["score"] == [] and [hit["said"] for hit in scores["hits"]] == ["lighthouse keeper"]
    more = words.client.post("/v1/search", json={"query": [{"clip_id": hits[0]["id"]}]})
    assert more.status_code == 422 and "only sound" in more.json()["detail"]


def test_the_transcript_of_a_file_is_answered_and_goes_with_answers(words: Running) -> None:
    files = words.media()
    said = words.client.get(f"/v1/media/{files['bikes.mp4']['id']}/transcript").json()
    assert (said["language"], said["source"]) == ("en", "a.srt")
    assert said["lines"] == [{"start": 0.5, "end": 1.5, "text": "good evening"}]
    later = words.client.get(f"/v1/media/{files['bikes.mp4']['id']}/transcript", params={"start": 5})
    assert later.json()["lines"] == []
    for what in ("transcript", "preview"):
        backwards = words.client.get(
            f"/v1/media/{files['bikes.mp4']['id']}/{what}", params={"start": 5, "end": 2}
        )
        assert backwards.status_code == 422
        assert backwards.json()["detail"] == "bikes.mp4: the interval from 5 to 2 s ends before it starts"
    assert words.client.get(f"/v1/media/{files['coffee.png']['id']}/transcript").status_code == 404
    asked = {"question": "Is there a bicycle?", "per": "file"}
    items = words.client.post("/v1/ask", json=asked).json()["data"]
    assert {item["path"]: (item["said"], item["written"]) for item in items} == {
        "bikes.mp4": ("good evening", None),
        "coffee.png": (None, "Harbour <b>Coffee</b>"),
    }
