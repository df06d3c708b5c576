"""Indexing what lies in shards, manifests and object stores."""

import functools
import json
import os
import socket
import tarfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from indexes import Index
from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import content_hash
from jepa_retrieval.media.sources import manifest, remote, store_requests
from jepa_retrieval.source_paths import path_of
from jepa_retrieval.tasks.encoding.media_root import MediaRoot
from jepa_retrieval.tasks.indexing.health import find_problems
from jepa_retrieval.tasks.indexing.options import IndexOptions
from jepa_retrieval.tasks.indexing.report import IndexReport
from jepa_retrieval.tasks.indexing.update import IndexUpdate
from tests.jepa_retrieval.tasks.colour_model import ColourModel
from tests.long_video import make_long_video
from tests.media_factory import BLUE, GREEN, RED, make_picture, make_video
from tests.s3_server import S3Server


def new_index(folder: Path) -> Index:
    return Index.create(folder, model="colours", prompt="", fingerprint="colours", embedding_size=5)


def run(index: Index, root: Path, media_root: Path, **options: object) -> IndexReport:
    report = IndexUpdate([root], IndexOptions(**options), MediaRoot(media_root)).apply(index, ColourModel())
    index.refresh()
    return report


@pytest.fixture
def media(tmp_path: Path) -> Path:
    folder = tmp_path / "media"
    folder.mkdir()
    make_picture(folder / "a.png", colour=RED)
    make_picture(folder / "b.webp", colour=BLUE)
    make_video(folder / "c.mp4", seconds=6, sound=True)
    (folder / "d.mp4").write_bytes(b"damaged" * 100)
    return folder


@pytest.fixture
def bucket(s3: S3Server, media: Path) -> S3Server:
    """The server with the media in s3://media/films."""
    for path in media.iterdir():
        s3.client.upload_file(str(path), "media", f"films/{path.name}")
    return s3


def content(index: Index) -> dict[str, list[tuple[object, ...]]]:
    """Clips of each file, by the file's name, with what their embeddings say."""
    found: dict[str, list[tuple[object, ...]]] = {Path(path).name: [] for path in index.known_files()}
    for clip in index.all_clips():
        vector = index.embeddings([clip.clip_id])[0]
        found[Path(clip.path).name].append(
            (clip.start, clip.end, vector.astype(np.float32).round(3).tolist())
        )
    return found


def write_shard(path: Path, media: Path, *, without: str = "") -> None:
    with tarfile.open(path, "w") as archive:
        for file in sorted(media.iterdir()):
            if file.name != without:
                archive.add(file, file.name)
        (path.parent / "caption.json").write_text("{}")
        archive.add(path.parent / "caption.json", "a.json")


def test_a_shard_gives_what_its_files_give(media: Path, tmp_path: Path) -> None:
    plain, index = new_index(tmp_path / "plain"), new_index(tmp_path / "index")
    run(plain, media, media)
    shard = tmp_path / "00000.tar"
    write_shard(shard, media)
    report = run(index, shard, tmp_path)
    assert (report.indexed, report.left_out) == (3, {"unknown kind": 1})
    assert [failure.path for failure in report.failed] == ["00000.tar/d.mp4"]
    assert content(index) == content(plain)
    assert {r.content_hash for r in index.known_files().values()} == {
        r.content_hash for r in plain.known_files().values()
    }
    assert run(index, shard, tmp_path).unchanged == 3
    write_shard(shard, media, without="b.webp")
    report = run(index, shard, tmp_path)
    assert (report.indexed, report.removed) == (0, 1)
    assert find_problems(index, ColourModel, MediaRoot(tmp_path)) == []


def test_a_file_that_is_no_shard_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_bytes(b"no archive" * 1000)
    report = run(new_index(tmp_path / "index"), tmp_path / "x.tar", tmp_path)
    assert [(f.path, "tar archive" in f.error) for f in report.failed] == [("x.tar", True)]


def test_a_manifest_names_files_and_its_bad_lines_are_told(media: Path, tmp_path: Path) -> None:
    lines = [{"path": "media/a.png", "caption": "red"}, {"video": str(media / "c.mp4")}, "media/none.png"]
    text = (
        "\n".join(json.dumps(line) for line in lines)
        + '\n\n{bad\n{"caption": "no file"}\n"ftp://host/a.mp4"\n'
    )
    (tmp_path / "list.jsonl").write_text(text)
    index = new_index(tmp_path / "index")
    report = run(index, tmp_path / "list.jsonl", tmp_path)
    assert report.indexed == 2
    failed = [(failure.path, failure.error) for failure in report.failed]
    assert ("media/none.png", "no such file or folder") in failed
    assert [error[:6] for path, error in failed if path == "list.jsonl"] == ["line 5", "line 6", "line 7"]
    assert {"media/a.png", "media/c.mp4"} <= set(index.known_files())
    assert "list.jsonl" not in index.known_files()


def test_a_manifest_made_to_do_harm_costs_its_bad_lines_only(media: Path, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "zero.mp4").symlink_to("/dev/zero")
    long = manifest.MAX_LINE_BYTES
    lines = [
        '"media/a.png"',
        '"/dev/zero"',
        '"pipe.mp4"',
        '"zero.mp4"',
        '"media"',
        "[" * 100_000,
        '"\\ud800.mp4"',
        '"' + "a" * 5000 + '.mp4"',
        " " * long + '"media/b.webp"',
        "x" * 2 * long + '"media/b.webp"',
        '"media/c.mp4"',
    ]
    (tmp_path / "list.jsonl").write_text("\n".join(lines))
    index = new_index(tmp_path / "index")
    report = run(index, tmp_path / "list.jsonl", tmp_path)
    assert report.indexed == 2
    assert {(failure.path, failure.error.partition(" b")[0]) for failure in report.failed} == {
        ("/dev/zero", "is not a regular file"),
        ("pipe.mp4", "is not a regular file"),
        ("zero.mp4", "is not a regular file"),
        ("media", "is a folder"),
        ("list.jsonl", "line 6 is not JSON"),
        ("list.jsonl", "line 7 is not valid Unicode"),
        ("list.jsonl", "line 8 names a file whose name is too long"),
        ("list.jsonl", f"line 9 is longer than {long:,}"),
        ("list.jsonl", f"line 10 is longer than {long:,}"),
    }


@pytest.mark.parametrize("name", ["pipe.mp4", "/dev/zero"])
def test_what_never_ends_has_no_content_hash(tmp_path: Path, name: str) -> None:
    os.mkfifo(tmp_path / "pipe.mp4")
    with pytest.raises(UnreadableMediaError, match="is not a regular file"):
        content_hash(tmp_path / name)


def test_a_bucket_gives_what_a_folder_gives_though_requests_fail(
    bucket: S3Server, media: Path, tmp_path: Path
) -> None:
    plain, index = new_index(tmp_path / "plain"), new_index(tmp_path / "index")
    run(plain, media, media)
    bucket.fail_every = 6
    root = path_of("s3://media/films")
    report = run(index, root, root)
    assert (report.indexed, [failure.path for failure in report.failed]) == (3, ["d.mp4"])
    assert content(index) == content(plain)
    assert all(record.content_hash.startswith("tag:") for record in index.known_files().values())
    bucket.requests.clear()
    assert run(index, root, root).unchanged == 3
    assert not [
        path for method, path in bucket.requests if method == "GET" and path.endswith((".mp4", ".png"))
    ]
    for file in index.folder.rglob("*"):
        assert not file.is_file() or b"secret-of-the-test" not in file.read_bytes()


def test_changes_in_a_bucket_are_seen_by_etag_and_size(bucket: S3Server, media: Path, tmp_path: Path) -> None:
    index = new_index(tmp_path / "index")
    root = path_of("s3://media/films")
    run(index, root, root)
    bucket.client.upload_file(str(media / "a.png"), "media", "films/moved.png")
    bucket.client.delete_object(Bucket="media", Key="films/a.png")
    bucket.client.upload_file(str(media / "b.webp"), "media", "films/b.webp")  # the same, later
    make_picture(media / "green.webp", colour=GREEN)
    remote.forget()
    report = run(index, root, root)
    assert (report.moved, report.indexed, report.removed, report.unchanged) == (1, 0, 0, 2)
    bucket.client.upload_file(str(media / "green.webp"), "media", "films/b.webp")
    bucket.client.delete_object(Bucket="media", Key="films/c.mp4")
    remote.forget()
    report = run(index, root, root)
    assert (report.indexed, report.removed) == (1, 1)
    assert set(index.known_files()) == {"moved.png", "b.webp", "d.mp4"}


def test_shards_and_manifests_may_lie_in_a_bucket(bucket: S3Server, media: Path, tmp_path: Path) -> None:
    write_shard(tmp_path / "0.tar", media)
    (tmp_path / "list.jsonl").write_text('{"url": "s3://media/films/a.png"}\n"c.mp4"\n')
    bucket.client.upload_file(str(tmp_path / "0.tar"), "media", "shards/0.tar")
    bucket.client.upload_file(str(tmp_path / "list.jsonl"), "media", "films/list.jsonl")
    index = new_index(tmp_path / "index")
    assert run(index, path_of("s3://media/shards/0.tar"), tmp_path).indexed == 3
    assert run(index, path_of("s3://media/films/list.jsonl"), tmp_path).indexed == 2
    assert {"s3://media/shards/0.tar/a.png", "s3://media/films/a.png", "s3://media/films/c.mp4"} <= set(
        index.known_files()
    )


def test_a_file_on_a_web_server_is_read(media: Path, tmp_path: Path) -> None:
    pytest.importorskip("aiohttp")
    handler = functools.partial(QuietHandler, directory=str(media))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        index = new_index(tmp_path / "index")
        address = f"http://127.0.0.1:{web.server_port}"
        (tmp_path / "list.jsonl").write_text(
            "".join(f'"{address}/{name}"\n' for name in ("a.png", "c.mp4", "no.mp4"))
        )
        report = run(index, tmp_path / "list.jsonl", tmp_path)
        web.shutdown()
    assert report.indexed == 2
    assert [(f.path, f.error) for f in report.failed] == [(f"{address}/no.mp4", "no such file or folder")]
    assert set(index.known_files()) == {f"{address}/{name}" for name in ("a.png", "c.mp4", "no.mp4")}


def test_a_web_server_that_fails_is_asked_again_and_one_that_is_down_is_told(
    media: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("aiohttp")
    monkeypatch.setattr(store_requests, "_FIRST_DELAY", 0.001)
    failures = {"a.png": 2 * 3, "down.png": 10**6}  # fsspec sends HEAD, then GET

    class FailingHandler(QuietHandler):
        def send_head(self) -> object:
            name = self.path.lstrip("/")
            if failures.get(name, 0) > 0:
                failures[name] -= 1
                self.send_error(503)
                return None
            if name == "secret.png":
                self.send_error(403)
                return None
            return super().send_head()

    handler = functools.partial(FailingHandler, directory=str(media))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        threading.Thread(target=web.serve_forever, daemon=True).start()
        address = f"http://127.0.0.1:{web.server_port}"
        lines = [f'"{address}/{name}"\n' for name in ("a.png", "down.png", "secret.png")]
        with socket.socket() as unused:
            unused.bind(("127.0.0.1", 0))  # nobody listens there
            lines.append(f'"http://127.0.0.1:{unused.getsockname()[1]}/x.png"\n')
            (tmp_path / "list.jsonl").write_text("".join(lines))
            report = run(new_index(tmp_path / "index"), tmp_path / "list.jsonl", tmp_path)
        web.shutdown()
    assert report.indexed == 1
    assert {(failure.path.rpartition("/")[2], failure.error) for failure in report.failed} == {
        ("down.png", "the server answers with an error (503)"),
        ("secret.png", "permission denied"),
        ("x.png", "cannot be reached: its server does not answer, or does not exist"),
    }


class QuietHandler(SimpleHTTPRequestHandler):
    """Serves a folder; knows no ranges."""

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


def test_a_file_that_is_sent_whole_is_not_asked_for_in_many_ranges(monkeypatch: pytest.MonkeyPatch) -> None:
    data, asked = os.urandom(2**20), []

    def send_all(names: list[str], begins: list[int], ends: list[int], on_error: str) -> list[bytes]:
        asked.append(names)
        return [data] * len(names)

    system = SimpleNamespace(cat_file=lambda name, start, end: data, cat_ranges=send_all)
    monkeypatch.setattr(remote, "file_system", lambda path: (system, "film.mp4"))
    about = remote.RemoteFile(path_of("https://films.example/film.mp4"), len(data), 0, "")
    for _ in range(2):  # opened once more, it finds its head in memory
        file = remote.RangeFile(about)
        assert file.read(10) == data[:10]
        file.prefetch([(0, 10), (500_000, 500_010)])
    assert asked == []


@pytest.mark.parametrize(
    ("name", "reason"), [("secret/films", "permission denied"), ("none/films", "no such file or folder")]
)
def test_a_bucket_that_cannot_be_read_is_told_in_one_sentence(
    s3: S3Server, tmp_path: Path, name: str, reason: str
) -> None:
    root = path_of(f"s3://{name}")
    index = new_index(tmp_path / "index")
    report = run(index, root, root)
    assert [(failure.path, failure.error) for failure in report.failed] == [(f"s3://{name}", reason)]
    assert index.known_files() == {}


def test_it_is_told_how_much_of_the_files_is_read(bucket: S3Server, tmp_path: Path) -> None:
    size = make_long_video(tmp_path / "long.mp4", groups=[20] * 12).stat().st_size
    bucket.client.upload_file(str(tmp_path / "long.mp4"), "media", "long/long.mp4")
    root = path_of("s3://media/long")
    report = run(new_index(tmp_path / "index"), root, root, sampling="keyframes")
    assert (report.indexed, report.fetched_of) == (1, size)
    assert 0 < report.fetched < 0.25 * size


def test_only_ranges_that_are_asked_for_are_fetched(bucket: S3Server, media: Path) -> None:
    data = os.urandom(3 * 2**20)
    bucket.client.put_object(Bucket="media", Key="films/large.bin", Body=data)
    file = remote.RangeFile(remote.describe(path_of("s3://media/films/large.bin")))
    file.seek(-1000, os.SEEK_END)
    assert file.read() == data[-1000:]
    file.seek(10)
    assert file.read(5) == data[10:15]
    assert 0 < file.bytes_read <= 2**18
    file.seek(0)
    assert file.read() == data
