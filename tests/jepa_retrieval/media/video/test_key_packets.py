"""Of a video in a store no more is read than its key frames, where these are enough."""

import functools
import tarfile
import threading
from collections.abc import Iterator, Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from jepa_retrieval.media import DecodeRequest, MediaWindow, ReadReport, read_windows
from jepa_retrieval.media.sources import remote
from jepa_retrieval.media.video import key_packets
from jepa_retrieval.source_paths import path_of
from tests.long_video import make_long_video
from tests.s3_server import S3Server

SHORT = [20] * 12  # groups of two seconds
MIXED = [20] * 4 + [26] + [20] * 7


def read(path: Path, **options: Any) -> tuple[list[MediaWindow], ReadReport]:
    report = ReadReport()
    return list(read_windows(DecodeRequest(path, 64, **options), report=report)), report


def read_share(path: Path, size: int, **options: Any) -> tuple[list[MediaWindow], ReadReport, float]:
    """Windows of a file in a store, and the share of the file that was read."""
    remote._blocks.clear()
    before = remote.bytes_fetched()
    windows, report = read(path, **options)
    return windows, report, (remote.bytes_fetched() - before) / size


def assert_same(windows: Sequence[MediaWindow], others: Sequence[MediaWindow]) -> None:
    assert [(w.start, w.end, w.times.tolist()) for w in windows] == [
        (w.start, w.end, w.times.tolist()) for w in others
    ]
    assert all(np.array_equal(w.frames, other.frames) for w, other in zip(windows, others, strict=True))


@pytest.mark.parametrize(
    ("name", "groups", "options", "share"),
    [
        ("a.mp4", SHORT, {"sampling": "keyframes"}, 0.25),
        ("front.mp4", SHORT, {"sampling": "keyframes", "start": 9.5, "end": 13.0}, 0.25),
        ("unordered.mov", SHORT, {"sampling": "auto"}, 0.25),
        ("a.mkv", SHORT, {"sampling": "keyframes"}, 0.4),
        ("fragments.mp4", SHORT, {"sampling": "keyframes"}, 0.5),
        ("mixed.mp4", MIXED, {"sampling": "auto"}, 0.7),
        ("mixed.mkv", MIXED, {"sampling": "auto", "start": 4.5, "end": 16.0}, 0.7),
    ],
)
def test_windows_are_those_of_a_file_on_disk_and_little_is_read(
    s3: S3Server, tmp_path: Path, name: str, groups: Sequence[int], options: dict[str, Any], share: float
) -> None:
    flags = {"front.mp4": "faststart", "fragments.mp4": "frag_keyframe+empty_moov"}.get(name)
    path = make_long_video(
        tmp_path / name,
        groups=groups,
        reordered=name != "unordered.mov",
        container_options={"movflags": flags} if flags else None,
    )
    s3.client.upload_file(str(path), "media", name)
    windows, report, fetched = read_share(path_of(f"s3://media/{name}"), path.stat().st_size, **options)
    on_disk, report_on_disk = read(path, **options)
    assert_same(windows, on_disk)
    assert report == report_on_disk
    assert 0 < fetched < share


def test_of_a_video_in_a_shard_too_little_is_read(s3: S3Server, tmp_path: Path) -> None:
    path = make_long_video(tmp_path / "a.mp4", groups=SHORT)
    with tarfile.open(tmp_path / "0.tar", "w") as archive:
        archive.add(path, "a.mp4")
    s3.client.upload_file(str(tmp_path / "0.tar"), "media", "0.tar")
    place = path_of("s3://media/0.tar") / "a.mp4"
    windows, _, fetched = read_share(place, path.stat().st_size, sampling="keyframes")
    assert_same(windows, read(path, sampling="keyframes")[0])
    assert fetched < 0.25


def test_an_index_that_is_wrong_costs_no_frame(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_long_video(tmp_path / "a.mp4", groups=[20] * 5)
    s3.client.upload_file(str(path), "media", "a.mp4")
    true_keys = key_packets.key_frames

    def wrong_keys(file: Any) -> list[key_packets.KeyFrame]:
        keys = true_keys(file)
        keys[3] = key_packets.KeyFrame(keys[3].stamp + 5, keys[3].begin, keys[3].size)
        return keys

    monkeypatch.setattr(key_packets, "key_frames", wrong_keys)
    assert_same(
        read(path_of("s3://media/a.mp4"), sampling="keyframes")[0], read(path, sampling="keyframes")[0]
    )


def test_no_more_is_fetched_in_advance_than_the_limit_whatever_sizes_an_index_claims(
    s3: S3Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = make_long_video(tmp_path / "a.mp4", groups=[20] * 5)
    s3.client.upload_file(str(path), "media", "a.mp4")
    true_keys, fetched = key_packets.key_frames, []
    prefetch = key_packets.KeyPackets._prefetch

    def huge_keys(file: Any) -> list[key_packets.KeyFrame]:
        return [key_packets.KeyFrame(key.stamp, key.begin, 2**40) for key in true_keys(file)]

    def noted(self: key_packets.KeyPackets, ranges: Sequence[tuple[int, int]]) -> None:
        fetched.append(sum(end - begin for begin, end in ranges))
        prefetch(self, ranges)

    monkeypatch.setattr(key_packets, "key_frames", huge_keys)
    monkeypatch.setattr(key_packets, "_MAX_FETCHED_BYTES", 100_000)
    monkeypatch.setattr(key_packets.KeyPackets, "_prefetch", noted)
    found = read(path_of("s3://media/a.mp4"), sampling="keyframes")[0]
    assert_same(found, read(path, sampling="keyframes")[0])
    assert fetched and max(fetched) <= 100_000


class RangesHandler(SimpleHTTPRequestHandler):
    """Serves a folder, by ranges."""

    knows_ranges = True

    def do_GET(self) -> None:
        """Send what is asked for."""
        asked = self.headers.get("Range")
        if asked is None or not self.knows_ranges:
            super().do_GET()
            return
        first, last = (int(number) for number in asked.removeprefix("bytes=").split("-"))
        data = Path(self.translate_path(self.path)).read_bytes()
        piece = data[first : last + 1]
        self.send_response(206)
        self.send_header("Content-Length", str(len(piece)))
        self.send_header("Content-Range", f"bytes {first}-{first + len(piece) - 1}/{len(data)}")
        self.end_headers()
        self.wfile.write(piece)

    def do_HEAD(self) -> None:
        """Tell the size, and that ranges may be asked for."""
        self.send_response(200)
        self.send_header("Content-Length", str(Path(self.translate_path(self.path)).stat().st_size))
        if self.knows_ranges:
            self.send_header("Accept-Ranges", "bytes")
        self.end_headers()

    def log_message(self, *arguments: object) -> None:
        """Say nothing."""


class NoRangesHandler(RangesHandler):
    """Sends whole files only."""

    knows_ranges = False


@pytest.fixture
def web(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    pytest.importorskip("aiohttp")
    handler = functools.partial(request.param, directory=str(tmp_path))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.mark.parametrize("web", [RangesHandler], indirect=True)
def test_of_a_video_on_a_web_server_little_is_read(web: str, tmp_path: Path) -> None:
    path = make_long_video(tmp_path / "a.mp4", groups=SHORT)
    windows, _, fetched = read_share(path_of(f"{web}/a.mp4"), path.stat().st_size, sampling="keyframes")
    assert_same(windows, read(path, sampling="keyframes")[0])
    assert fetched < 0.25


@pytest.mark.parametrize("web", [NoRangesHandler], indirect=True)
def test_a_web_server_without_ranges_is_read_all_the_same(web: str, tmp_path: Path) -> None:
    path = make_long_video(tmp_path / "a.mp4", groups=[20] * 3)
    assert_same(read(path_of(f"{web}/a.mp4"), sampling="keyframes")[0], read(path, sampling="keyframes")[0])
