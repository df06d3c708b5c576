"""Stores beside S3, each by a stand-in under its protocol: listed, described and read as a folder is."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import pytest
from fsspec.implementations.memory import MemoryFileSystem
from fsspec.registry import _registry

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media import DecodeRequest, MediaWindow, decode_windows, read_windows
from jepa_retrieval.media.sources import remote
from jepa_retrieval.media.sources.finding import find
from jepa_retrieval.media.sources.opening import Status
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import StreamRequest
from jepa_retrieval.source_paths import path_of
from tests.long_video import make_long_video
from tests.media_factory import make_picture
from tests.s3_server import S3Server


def stand_in(scheme: str, tag: str) -> type[MemoryFileSystem]:
    """A store in memory under a protocol, which names the tag of a file's content as that store's package does."""

    class Store(MemoryFileSystem):
        protocol = (scheme,)
        store: ClassVar[dict[str, Any]] = {}
        pseudo_dirs: ClassVar[list[str]] = [""]
        cachable = False

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return MemoryFileSystem._strip_protocol(path.replace(f"{scheme}://", "memory://", 1))

        def info(self, path: str, **options: Any) -> dict[str, Any]:
            return self._tagged(super().info(path, **options))

        def find(self, path: str, *, detail: bool = False, **options: Any) -> Any:
            found = super().find(path, detail=detail, **options)
            return {name: self._tagged(about) for name, about in found.items()} if detail else found

        def _tagged(self, about: dict[str, Any]) -> dict[str, Any]:
            if about["type"] == "file":
                about[tag] = f"tag-{hash(self.store[about['name']].getvalue())}"
            return about

    return Store


@pytest.fixture(params=[("gs", "etag"), ("az", "content_md5"), ("hf", "blob_id")], ids=lambda param: param[0])
def store(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[tuple[str, MemoryFileSystem]]:
    scheme, tag = request.param
    kind = stand_in(scheme, tag)
    monkeypatch.setitem(_registry, scheme, kind)
    yield scheme, kind()
    remote.forget()


def test_files_are_listed_and_read(store: tuple[str, MemoryFileSystem], tmp_path: Path) -> None:
    scheme, system = store
    video = make_long_video(tmp_path / "a.mp4", groups=[20] * 8)
    picture = make_picture(tmp_path / "b.png")
    for path in (video, picture):
        system.pipe_file(f"/bucket/films/{path.name}", path.read_bytes())
    root = path_of(f"{scheme}://bucket/films")
    listed = list(find(root))
    assert [item.name for item in listed] == ["a.mp4", "b.png"]
    statuses = [item.status for item in listed]
    assert all(isinstance(status, Status) and status.tag for status in statuses)
    assert [status.size for status in statuses] == [path.stat().st_size for path in (video, picture)]
    for path in (video, picture):
        request = DecodeRequest(path, 64, sampling="keyframes")
        there = read_windows(DecodeRequest(root / path.name, 64, sampling="keyframes"))
        for window, other in zip(there, read_windows(request), strict=True):
            assert np.array_equal(window.frames, other.frames)


def test_a_video_is_read_as_a_stream(store: tuple[str, MemoryFileSystem], tmp_path: Path) -> None:
    scheme, system = store
    video = make_long_video(tmp_path / "a.mp4", groups=[20] * 2)
    system.pipe_file("/bucket/a.mp4", video.read_bytes())
    sources = [StreamSource.parse(f"{scheme}://bucket/a.mp4"), StreamSource("file", str(video))]
    assert sources[0].name == f"{scheme}://bucket/a.mp4"
    there, here = ([*StreamReader(StreamRequest(source, 64)).__enter__()] for source in sources)
    assert len(there) == len(here) > 2
    for window, other in zip(there, here, strict=True):
        assert isinstance(window, MediaWindow)
        assert isinstance(other, MediaWindow)
        assert np.array_equal(window.frames, other.frames)
    with pytest.raises(UsageError, match="leave out --follow"):
        StreamSource.parse(f"{scheme}://bucket/a.mp4", follow=True)


def test_another_content_has_another_tag(store: tuple[str, MemoryFileSystem]) -> None:
    scheme, system = store
    path = path_of(f"{scheme}://bucket/a.mp4")
    system.pipe_file("/bucket/a.mp4", b"one")
    first = remote.look(path)
    system.pipe_file("/bucket/a.mp4", b"two")
    assert (remote.look(path).tag != first.tag, remote.look(path).size) == (True, 3)
    with pytest.raises(FileNotFoundError):
        remote.look(path_of(f"{scheme}://bucket/none.mp4"))


@pytest.mark.parametrize(
    ("given", "variables"),
    [({}, r"\$AWS_ACCESS_KEY_ID and \$AWS_SECRET_ACCESS_KEY"), ({"AWS_PROFILE": "none"}, r"\$AWS_PROFILE")],
)
def test_missing_credentials_are_reported_with_the_variables_that_hold_them(
    given: dict[str, str], variables: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    pytest.importorskip("s3fs")
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        monkeypatch.setenv(name, str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(OSError, match=rf"no credentials for it in the environment \(set .*{variables}"):
        remote.look(path_of("s3://bucket/a.mp4"))


def test_credentials_that_are_given_later_are_used(
    s3: S3Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    picture = path_of("s3://media/cup.png")
    request = DecodeRequest(picture, image_size=32)
    with monkeypatch.context() as without:
        without.delenv("AWS_SECRET_ACCESS_KEY")
        without.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
        without.setenv("AWS_EC2_METADATA_DISABLED", "true")
        with pytest.raises(OSError, match="no credentials"):
            remote.look(picture)
        with pytest.raises(UnreadableMediaError, match="no credentials"):
            list(decode_windows(request))
    s3.client.upload_file(str(make_picture(tmp_path / "cup.png")), "media", "cup.png")
    assert remote.look(picture).size > 0
    (window,) = decode_windows(request)
    assert window.frames.shape[1:3] == (32, 32)


def test_a_store_that_cannot_be_opened_is_reported_with_the_variables(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Store(MemoryFileSystem):
        cachable = False

        def __init__(self, **_: Any) -> None:
            raise ValueError("unable to connect to account for secret")  # as adlfs without an account

    monkeypatch.setitem(_registry, "az", Store)
    with pytest.raises(
        UsageError, match=r"az:// .* credentials .*\$AZURE_STORAGE_CONNECTION_STRING"
    ) as caught:
        remote.look(path_of("az://bucket/a.mp4"))
    assert "secret" not in str(caught.value)
