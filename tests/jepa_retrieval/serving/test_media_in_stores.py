"""Files in an object store, through real HTTP: sent and shown by ranges of bytes, as far as that is allowed."""

import errno
import io
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from indexes import ClipRecord, MediaRecord
from jepa_retrieval.library import Library
from jepa_retrieval.media.sources import remote
from jepa_retrieval.serving.opened_files import open_readable
from jepa_retrieval.serving.problems import ProblemError
from jepa_retrieval.serving.settings import ServeSettings
from jepa_retrieval.source_paths import path_of
from tests.jepa_retrieval.serving.conftest import Running, serving
from tests.media_factory import make_picture, make_video
from tests.s3_server import S3Server

OUTSIDE = ("s3://media/other/b.png", "s3://media/films/../other/a.png", "https://127.0.0.1:9/a.png")
ALLOWED = "s3://media/more/c.png"
GONE = "gone.png"
CLOSED = "s3://secret/d.png"


@pytest.fixture(scope="module")
def content(
    running_s3_server: S3Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, bytes]]:
    """What lies in the bucket, by key."""
    folder = tmp_path_factory.mktemp("media")
    video = make_video(folder / "a.mp4", seconds=4, codec="mpeg4", gop=25, sound=True).read_bytes()
    picture = make_picture(folder / "a.png", size=(90, 60)).read_bytes()
    found = {"films/a.mp4": video, "films/a.png": picture, "other/a.png": picture, "other/b.png": picture}
    found["more/c.png"] = picture
    for key, data in found.items():
        running_s3_server.client.put_object(Bucket="media", Key=key, Body=data)
    yield found
    running_s3_server.reset()
    remote.forget()


@pytest.fixture(scope="module")
def server(content: dict[str, bytes], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of an index of the bucket's films, which names other files too."""
    folder: Path = tmp_path_factory.mktemp("index") / "index"
    library = Library.create("s3://media/films", index=folder)
    clip = ClipRecord(start=0.0, end=4.0, embedding=np.eye(512, dtype=np.float32)[0])
    with library.records.writer() as writer:
        writer.put(MediaRecord("a.mp4", 1, 1, kind="video", codec="mpeg4", duration=4.0), [clip])
        for path in ("a.png", GONE, CLOSED, ALLOWED, *OUTSIDE):
            writer.put(MediaRecord(path, 1, 1, kind="image", codec="png"), [])
    allowed = [path_of("s3://media/more"), path_of("s3://secret")]
    with serving(ServeSettings(indexes=[folder], port=0, media_folders=allowed)) as running:
        yield running


def test_a_file_is_sent_whole_and_in_ranges(server: Running, content: dict[str, bytes]) -> None:
    url, data = server.media()["a.mp4"]["file_url"], content["films/a.mp4"]
    before = remote.bytes_fetched()
    part = server.client.get(url, headers={"Range": "bytes=100-199"})
    assert (part.status_code, part.content) == (206, data[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(data)}"
    assert remote.bytes_fetched() - before == 100
    whole = server.client.get(url)
    assert (whole.status_code, whole.content, whole.headers["content-type"]) == (200, data, "video/mp4")
    head = server.client.head(url)
    assert (head.content, head.headers["content-length"]) == (b"", str(len(data)))
    assert server.client.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
    assert server.client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"another"'}).content == data


def test_previews_are_made(server: Running) -> None:
    media = server.media()
    answer = server.client.get(media["a.mp4"]["preview_url"], params={"start": 1, "end": 2})
    with av.open(io.BytesIO(answer.content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
        assert len(container.streams.audio) == 1
        assert sum(1 for _ in container.decode(video=0)) > 5
    picture = server.client.get(media["a.png"]["preview_url"])
    assert Image.open(io.BytesIO(picture.content)).size == (90, 60)


def test_what_is_elsewhere_is_not_sent_unless_it_was_allowed(
    server: Running, content: dict[str, bytes]
) -> None:
    media = server.media()
    for path in OUTSIDE:
        answer = server.client.get(media[path]["file_url"])
        assert answer.status_code == 403
        assert "--media ADDRESS" in answer.json()["detail"]
    assert server.client.get(media[ALLOWED]["file_url"]).content == content["more/c.png"]


def test_what_the_store_does_not_give_is_reported_without_credentials(server: Running) -> None:
    media = server.media()
    gone = server.client.get(media[GONE]["file_url"])
    closed = server.client.get(media[CLOSED]["preview_url"])
    assert (gone.status_code, closed.status_code) == (404, 503)
    assert closed.json()["detail"] == "the file's store: permission denied"
    for answer in (gone, closed, server.client.get("/v1/media")):
        assert "of-the-test" not in answer.text + str(answer.headers)


@pytest.mark.parametrize(
    ("error", "status"),
    [(OSError(errno.EHOSTUNREACH, "does not answer"), 503), (FileNotFoundError(errno.ENOENT, "gone"), 404)],
)
def test_a_store_that_falls_silent_after_a_file_was_found_is_no_missing_file(
    monkeypatch: pytest.MonkeyPatch, error: OSError, status: int
) -> None:
    def describe(_: Path) -> None:
        raise error

    monkeypatch.setattr(remote, "describe", describe)
    with pytest.raises(ProblemError) as caught:
        open_readable(path_of("s3://media/films/a.mp4"))
    assert caught.value.status == status
