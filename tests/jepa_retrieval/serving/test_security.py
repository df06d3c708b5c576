"""What a hostile page, client or file may try, through real HTTP."""

import base64
import io
import os
import shutil
import socket
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.library import Library
from jepa_retrieval.serving.settings import ServeSettings
from tests.jepa_retrieval.serving.conftest import Running, serving
from tests.real_media import photograph
from tests.waiting import MAX_SECONDS, wait_for

pytestmark = pytest.mark.long

TOKEN = "0123456789abcdef-token"


@pytest.fixture(scope="module")
def guarded(library: Path) -> Iterator[Running]:
    """A server that wants a token, has little patience, and takes small bodies."""
    settings = ServeSettings(
        indexes=[library],
        port=0,
        token=TOKEN,
        allowed_hosts=["videos.example.org"],
        max_body_bytes=10_000,
        slow_seconds=1.0,
    )
    with serving(settings) as running:
        yield running


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:80", ""])
def test_a_foreign_host_is_refused(client: httpx.Client, host: str) -> None:
    answer = client.get("/v1/media", headers={"Host": host})

    assert answer.status_code == 421
    assert answer.headers["content-type"] == "application/problem+json"


def test_known_hosts_are_answered(client: httpx.Client, guarded: Running) -> None:
    for host in ("localhost", "127.0.0.1:1234", "[::1]:8787", "LOCALHOST"):
        assert client.get("/healthz", headers={"Host": host}).status_code == 200
    assert guarded.client.get("/healthz", headers={"Host": "videos.example.org"}).status_code == 200


@pytest.mark.parametrize("origin", ["https://evil.example", "null", "http://127.0.0.1:1", "file://"])
def test_a_foreign_origin_is_refused(client: httpx.Client, origin: str) -> None:
    answer = client.post("/v1/search", json={"query": "a cat"}, headers={"Origin": origin})

    assert answer.status_code == 403


def test_the_own_origin_is_answered(server: Running) -> None:
    answer = server.client.post("/v1/search", json={"query": "a cat"}, headers={"Origin": server.url})

    assert answer.status_code == 200


def test_other_sites_may_not_show_media(server: Running) -> None:
    url = server.media()["chelsea.png"]["file_url"]

    answer = server.client.get(url, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"})

    assert answer.status_code == 403


def test_other_sites_may_link_to_the_page(client: httpx.Client) -> None:
    answer = client.get("/", headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"})

    assert answer.status_code == 200


def test_every_answer_has_the_headers_of_a_strict_site(server: Running) -> None:
    for url in ("/", "/app.js", "/v1/media", "/nothing", "/healthz"):
        headers = server.client.get(url).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert "access-control-allow-origin" not in headers


def test_the_page_has_no_inline_scripts_and_names_no_other_host(client: httpx.Client) -> None:
    page = client.get("/").text

    assert "<script>" not in page
    assert "http://" not in page.replace("http://www.w3.org", "")
    assert "https://" not in page


def test_off_the_loopback_interface_a_token_is_required(library: Path) -> None:
    for host in ("0.0.0.0", "::", "192.168.1.2", "example.org"):
        with pytest.raises(UsageError, match="needs a token"):
            ServeSettings(indexes=[library], host=host)
    with pytest.raises(UsageError, match="at least 16"):
        ServeSettings(indexes=[library], host="0.0.0.0", token="short")
    ServeSettings(indexes=[library], host="0.0.0.0", token=TOKEN)


def test_nothing_is_told_without_the_token(guarded: Running) -> None:
    for url in ("/v1/media", "/v1/media/0/file", "/v1/indexes", "/metrics", "/openapi.json", "/v1/none"):
        answer = guarded.client.get(url)
        assert answer.status_code == 401, url
        assert answer.headers["www-authenticate"] == "Bearer"
    for given in ("Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer", "Bearer é"):
        raw = {"Authorization": given.encode("latin-1")}
        assert guarded.client.get("/v1/media", headers=raw).status_code == 401
    assert guarded.client.get("/healthz").status_code == 200
    assert guarded.client.get("/").status_code == 200


def test_the_token_opens_as_a_header_and_as_a_cookie(guarded: Running) -> None:
    with httpx.Client(base_url=guarded.url) as browser:
        assert browser.get("/v1/media", headers={"Authorization": f"Bearer {TOKEN}"}).status_code == 200
        assert browser.post("/v1/session", json={"token": "wrong"}).status_code == 401
        opened = browser.post("/v1/session", json={"token": TOKEN})
        assert opened.status_code == 204
        cookie = opened.headers["set-cookie"].lower()
        assert "httponly" in cookie
        assert "samesite=strict" in cookie
        assert TOKEN not in cookie
        assert browser.get("/v1/media").status_code == 200
        browser.delete("/v1/session")
        assert browser.get("/v1/media").status_code == 401


@pytest.mark.parametrize(
    "path",
    ["/../pyproject.toml", "/%2e%2e/%2e%2e/etc/passwd", "/..%2f..%2fetc%2fpasswd", "/....//etc/passwd",
     "//etc/passwd", "/v1/media/..%2f..%2fetc%2fpasswd/file", "/v1/media/-1/file", "/%00",
     "/app.js/../../../__init__.py"],
)  # fmt: skip
def test_paths_lead_nowhere(server: Running, path: str) -> None:
    host, port = server.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=MAX_SECONDS) as raw:
        raw.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        answer = b""
        while piece := raw.recv(65536):
            answer += piece

    assert answer.split(b" ")[1] in (b"400", b"404", b"422")
    assert b"root:" not in answer
    assert b"setuptools" not in answer


def test_links_that_lead_out_of_the_media_root_are_refused(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "inside"
    outside.mkdir()
    folder.mkdir()
    shutil.copy(photograph("chelsea.png"), outside / "secret.png")
    shutil.copy(photograph("coffee.png"), folder / "coffee.png")
    (folder / "link.png").symlink_to(outside / "secret.png")
    (folder / "inner.png").symlink_to(folder / "coffee.png")
    library = Library.create(folder)
    library.index()
    library.index([outside])

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        media = running.media()
        status = {
            path: [running.client.get(item[url]).status_code for url in ("file_url", "preview_url")]
            for path, item in media.items()
        }
    with serving(ServeSettings(indexes=[folder], port=0, media_folders=[outside])) as running:
        allowed = running.media()
        opened = running.client.get(allowed["outside/secret.png"]["file_url"]).status_code

    assert status == {
        "coffee.png": [200, 200],
        "inner.png": [200, 200],
        "link.png": [403, 403],
        "secret.png": [403, 403],
    }
    assert opened == 200


def test_a_file_that_became_a_link_after_indexing_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    shutil.copy(photograph("coffee.png"), folder / "a.png")
    Library.create(folder).index()
    (folder / "a.png").unlink()
    (folder / "a.png").symlink_to("/etc/passwd")

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        answer = running.client.get(running.media()["a.png"]["file_url"])

    assert answer.status_code == 403
    assert "passwd" not in answer.text


def test_a_file_that_became_a_pipe_does_not_block(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    shutil.copy(photograph("coffee.png"), folder / "a.png")
    Library.create(folder).index()
    (folder / "a.png").unlink()
    os.mkfifo(folder / "a.png")

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        item = running.media()["a.png"]
        assert running.client.get(item["file_url"]).status_code == 404
        assert running.client.get(item["preview_url"]).status_code == 404


def test_messages_do_not_say_where_files_lie(client: httpx.Client, library: Path) -> None:
    number = next(
        item["id"] for item in client.get("/v1/media").json()["data"] if item["path"] == "damaged.mp4"
    )
    answers = [
        client.get(f"/v1/media/{number}/preview"),
        client.get("/v1/media/99"),
        client.post("/v1/search", json={"query": [{"media_id": number}]}),
        client.post("/v1/search", json={"query": "a", "filter": "x"}),
        client.get("/v1/media"),
        client.get("/v1/indexes"),
    ]

    assert all(str(library.parent) not in answer.text for answer in answers)


def bomb(side: int) -> bytes:
    """A PNG of a few kilobytes that becomes `side` x `side` pixels."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    packer = zlib.compressobj(9)
    row = b"\0" * (1 + side // 8)
    data = b"".join(packer.compress(row) for _ in range(side)) + packer.flush()
    header = struct.pack(">IIBBBBB", side, side, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def test_uploads_that_become_huge_are_refused(client: httpx.Client) -> None:
    url = "data:image/png;base64," + base64.b64encode(bomb(16_000)).decode()

    answer = client.post("/v1/search", json={"query": [{"image_url": url}]})

    assert answer.status_code == 422
    assert "16000 x 16000 pixels" in answer.json()["detail"]


def test_bodies_are_bounded(guarded: Running) -> None:
    headers = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json"}
    large = b'{"query": "' + b"a" * 20_000 + b'"}'

    stated = guarded.client.post("/v1/search", content=large, headers=headers)
    streamed = guarded.client.post(
        "/v1/search", content=iter([large[:9_000], large[9_000:]]), headers=headers
    )

    assert stated.status_code == streamed.status_code == 413


def test_html_in_names_and_queries_stays_text(tmp_path: Path) -> None:
    folder = tmp_path / "media"
    folder.mkdir()
    name = "<img src=x onerror=alert(1)>.png"
    shutil.copy(photograph("coffee.png"), folder / name)
    page = folder / "page.html.png"
    Image.open(photograph("coffee.png")).save(page, "PNG")
    page.write_bytes(page.read_bytes() + b"<script>alert(1)</script>")
    Library.create(folder).index()

    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        answer = running.client.post("/v1/search", json={"query": "<script>alert(1)</script>"})
        problem = running.client.post(
            "/v1/search", json={"query": "a", "filter": "<script>alert(1)</script>"}
        )
        file = running.client.get(running.media()["page.html.png"]["file_url"])

    assert name in [hit["path"] for hit in answer.json()["data"]]
    for found in (answer, problem):
        assert found.headers["content-type"].startswith(("application/json", "application/problem+json"))
    assert file.headers["content-type"] == "image/png"
    assert "sandbox" in file.headers["content-security-policy"]


def test_a_thousand_slow_connections_do_not_stop_the_server(guarded: Running) -> None:
    host, port = guarded.url.removeprefix("http://").split(":")
    slow: list[socket.socket] = []
    try:
        for _ in range(1_000):
            connection = socket.create_connection((host, int(port)), timeout=MAX_SECONDS)
            connection.sendall(b"GET /v1/media HTTP/1.1\r\nHost: localhost\r\nX-Slow: ")
            slow.append(connection)
        assert guarded.client.get("/healthz").status_code == 200
        wait_for(lambda: len(guarded.server.server_state.connections) <= 10)
    finally:
        for connection in slow:
            connection.close()


def test_a_body_that_does_not_come_is_not_waited_for(guarded: Running) -> None:
    host, port = guarded.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=MAX_SECONDS) as raw:
        raw.sendall(
            f"POST /v1/search HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {TOKEN}\r\n"
            "Content-Length: 100\r\n\r\n{".encode()
        )
        answer = raw.recv(65536)

    assert answer.startswith(b"HTTP/1.1 408")


def test_an_animation_that_never_ends_is_cut_off(client: httpx.Client) -> None:
    buffer = io.BytesIO()
    frames = [Image.new("RGB", (64, 64), (number, 0, 0)) for number in range(200)]
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=[60_000] * 200)
    url = "data:image/gif;base64," + base64.b64encode(buffer.getvalue()).decode()

    answer = client.post("/v1/search", json={"query": [{"image_url": url}]})

    assert answer.status_code == 200
