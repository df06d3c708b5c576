"""Files, thumbnails and previews, through real HTTP."""

import io
import tarfile
from pathlib import Path

import av
import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from jepa_retrieval.library import Library
from jepa_retrieval.serving.ranges import UnsatisfiableRangeError, parse_range
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import Running, serving


def test_media_are_listed_page_by_page(client: httpx.Client) -> None:
    found, cursor = [], None
    while True:
        page = client.get("/v1/media", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        found += page["data"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert len(found) == 7
    assert [item["id"] for item in found] == sorted(item["id"] for item in found)
    assert client.get(f"/v1/media/{found[0]['id']}").json() == found[0]


def test_media_can_be_filtered_and_failures_say_why(client: httpx.Client) -> None:
    failed = client.get("/v1/media", params={"state": "failed"}).json()["data"]
    videos = client.get("/v1/media", params={"filter": "kind = 'video' and duration > 5"}).json()["data"]
    both = client.get("/v1/media", params={"state": "failed", "filter": "size < 0 or path like 'd%'"}).json()
    wrong = client.get("/v1/media", params={"filter": "length > 5", "state": "ok"})
    halves = client.get("/v1/media", params={"filter": "true) or (true", "state": "failed"})

    assert [item["path"] for item in failed] == ["damaged.mp4"]
    assert "damaged" in failed[0]["error"]
    assert [item["path"] for item in videos] == ["bikes.mp4"]
    assert [item["path"] for item in both["data"]] == ["damaged.mp4"]
    assert wrong.status_code == halves.status_code == 422
    assert wrong.json()["detail"].startswith("the filter 'length > 5' is not valid")


def test_clips_cover_a_video(server: Running) -> None:
    item = server.media()["bikes.mp4"]

    clips = server.client.get(f"/v1/media/{item['id']}/clips").json()["data"]

    assert len(clips) == item["clips"]
    assert clips[0]["start"] == 0
    assert (
        server.client.get(clips[-1]["thumbnail_url"]).content
        != server.client.get(clips[0]["thumbnail_url"]).content
    )


def test_thumbnails_are_sent_once(server: Running) -> None:
    url = server.media()["bikes.mp4"]["thumbnail_url"]

    first = server.client.get(url, params={"t": 8})
    again = server.client.get(url, params={"t": 8}, headers={"If-None-Match": first.headers["etag"]})

    assert Image.open(io.BytesIO(first.content)).format == "JPEG"
    assert (again.status_code, again.content) == (304, b"")


def test_files_and_ranges_of_them(server: Running, library: Path) -> None:
    url = server.media()["bikes.mp4"]["file_url"]
    content = (library / "bikes.mp4").read_bytes()

    whole = server.client.get(url)
    part = server.client.get(url, headers={"Range": "bytes=100-199"})
    end = server.client.get(url, headers={"Range": "bytes=-50"})
    head = server.client.head(url)
    beyond = server.client.get(url, headers={"Range": f"bytes={len(content)}-"})
    unchanged = server.client.get(url, headers={"If-None-Match": whole.headers["etag"]})
    changed = server.client.get(url, headers={"Range": "bytes=0-1", "If-Range": '"another"'})

    assert (whole.status_code, whole.content) == (200, content)
    assert whole.headers["content-type"] == "video/mp4"
    assert (part.status_code, part.content) == (206, content[100:200])
    assert part.headers["content-range"] == f"bytes 100-199/{len(content)}"
    assert end.content == content[-50:]
    assert (head.status_code, head.content, head.headers["content-length"]) == (200, b"", str(len(content)))
    assert beyond.status_code == 416
    assert beyond.headers["content-range"] == f"bytes */{len(content)}"
    assert unchanged.status_code == 304
    assert changed.content == content


@pytest.mark.parametrize(
    "header",
    ["bytes=0-0,0-0" + ",0-0" * 1000, "bytes=5-1", "bytes=", "bytes=-", "lines=1-2", "bytes=a-b", "bytes=1"],
)
def test_ranges_that_are_not_understood_give_the_whole_file(
    server: Running, library: Path, header: str
) -> None:
    url = server.media()["rocket.jpg"]["file_url"]

    answer = server.client.get(url, headers={"Range": header})

    assert answer.status_code == 200
    assert answer.content == (library / "rocket.jpg").read_bytes()


@given(
    st.one_of(st.none(), st.text(max_size=30), st.from_regex(r"bytes=\d{0,20}-\d{0,20}")),
    st.integers(0, 2**50),
)
def test_a_range_lies_in_the_file(header: str | None, size: int) -> None:
    try:
        found = parse_range(header, size)
    except UnsatisfiableRangeError:
        return
    assert found is None or 0 <= found.start < found.stop <= size


@pytest.mark.parametrize(
    ("path", "size", "sound"), [("old.avi", (160, 96), False), ("turned.mkv", (96, 160), True)]
)
def test_what_no_browser_plays_becomes_a_video_that_all_play(
    server: Running, path: str, size: tuple[int, int], sound: bool
) -> None:
    item = server.media()[path]

    answer = server.client.get(item["preview_url"], params={"start": 1, "end": 3})

    assert answer.headers["content-type"] == "video/mp4"
    with av.open(io.BytesIO(answer.content)) as container:
        stream = container.streams.video[0]
        times = [frame.time for frame in container.decode(stream)]
        assert (stream.codec_context.name, stream.codec_context.pix_fmt) == ("h264", "yuv420p")
        assert (stream.width, stream.height) == size
        assert bool(container.streams.audio) == sound
    assert times[0] == pytest.approx(0, abs=0.02)
    assert times[-1] == pytest.approx(2, abs=0.1)
    assert not item["plays_natively"] or path == "turned.mkv"


def test_a_preview_shows_what_the_video_shows_there(server: Running) -> None:
    url = server.media()["old.avi"]["preview_url"]  # four seconds of red, green, blue, yellow

    with av.open(io.BytesIO(server.client.get(url, params={"start": 2.2, "end": 2.8}).content)) as container:
        picture = next(container.decode(video=0)).to_ndarray(format="rgb24")

    red, green, blue = picture[-10, -10].tolist()
    assert blue > red + 80
    assert blue > green + 80


def test_photographs_become_webp_or_jpeg(server: Running) -> None:
    url = server.media()["coffee.png"]["preview_url"]

    webp = server.client.get(url, params={"height": 200})
    jpeg = server.client.get(url, headers={"Accept": "image/jpeg"})

    assert webp.headers["content-type"] == "image/webp"
    assert max(Image.open(io.BytesIO(webp.content)).size) == 200
    assert jpeg.headers["content-type"] == "image/jpeg"
    assert Image.open(io.BytesIO(jpeg.content)).size == (600, 400)


def test_a_file_that_cannot_be_shown_says_why(server: Running) -> None:
    media = server.media()

    damaged = server.client.get(media["damaged.mp4"]["preview_url"])
    beyond = server.client.get(media["bikes.mp4"]["preview_url"], params={"start": 1000})
    turned_round = server.client.get(media["bikes.mp4"]["preview_url"], params={"start": 5, "end": 4})

    assert (damaged.status_code, beyond.status_code, turned_round.status_code) == (422, 422, 422)
    assert "video" in damaged.json()["detail"]
    assert "frame" in beyond.json()["detail"]


def test_files_in_an_archive_are_served_from_where_they_lie_in_it(library: Path, tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    archives = [folder / "a.tar", folder / "b.tar"]
    for path, film in zip(archives, ("old.avi", "turned.mkv"), strict=True):
        with tarfile.open(path, "w") as archive:
            archive.add(library / film, f"films/{film}")
            archive.add(library / "rocket.jpg", "rocket.jpg")
    Library.create(folder).index(archives)
    archives[1].rename(tmp_path / "b.tar")
    archives[1].symlink_to(tmp_path / "b.tar")
    content = (library / "rocket.jpg").read_bytes()

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        media, client = running.media(), running.client
        photograph, film = media["a.tar/rocket.jpg"], media["a.tar/films/old.avi"]
        whole = client.get(photograph["file_url"])
        part = client.get(photograph["file_url"], headers={"Range": "bytes=-50"})
        beyond = client.get(photograph["file_url"], headers={"Range": f"bytes={len(content)}-"})
        preview = client.get(film["preview_url"], params={"start": 1, "end": 2})
        outside = client.get(media["b.tar/films/turned.mkv"]["file_url"])
        archives[0].write_bytes(b"no archive any more")
        gone = client.get(photograph["file_url"])

    assert (whole.content, whole.headers["content-type"]) == (content, "image/jpeg")
    assert (part.status_code, part.content, beyond.status_code) == (206, content[-50:], 416)
    assert preview.status_code == 200
    with av.open(io.BytesIO(preview.content)) as container:
        assert container.streams.video[0].codec_context.name == "h264"
    assert outside.status_code == 403
    assert gone.status_code == 404 and "archive" in gone.json()["detail"]


def test_a_preview_ends_when_the_client_goes(server: Running) -> None:
    url = server.media()["bikes.mp4"]["preview_url"]
    for _ in range(2 * server.services.settings.previews):  # more than there are turns
        with server.client.stream("GET", url) as answer:
            assert answer.status_code == 200
            next(answer.iter_raw())

    assert server.client.get(url, params={"end": 1}).status_code == 200


def test_without_captions_there_are_no_subtitles(server: Running) -> None:
    number = server.media()["bikes.mp4"]["id"]

    assert server.client.get(f"/v1/media/{number}/captions.vtt").status_code == 404
