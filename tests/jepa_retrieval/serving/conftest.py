"""A real server on a free port of the loopback interface, over a small library that is indexed once."""

import contextlib
import shutil
import tempfile
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from indexes import ClipSpeech, ClipWriting
from jepa_retrieval.library import Library
from jepa_retrieval.serving.server import Server, allow_many_connections, listen
from jepa_retrieval.serving.services import Services
from jepa_retrieval.serving.settings import ServeSettings
from tests.media_factory import make_audio, make_video
from tests.real_media import photograph, video
from tests.waiting import MAX_SECONDS


@dataclass
class Running:
    """A server that answers."""

    url: str
    services: Services
    client: httpx.Client
    server: Server

    def media(self) -> dict[str, dict[str, Any]]:
        """The files of all indexes by path."""
        found = self.client.get("/v1/media", params={"limit": 500}).json()["data"]
        return {item["path"]: item for item in found}


@contextlib.contextmanager
def serving(settings: ServeSettings) -> Iterator[Running]:
    """Serve until the block ends."""
    ready = threading.Event()
    folder = tempfile.TemporaryDirectory(prefix="jepa-serving-")
    settings = replace(settings, data_folder=settings.data_folder or Path(folder.name))
    allow_many_connections()
    with listen(settings) as listening:
        services = Services.start(settings)
        server = Server(services, on_ready=ready.set)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert ready.wait(MAX_SECONDS)
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            with httpx.Client(base_url=url, timeout=MAX_SECONDS) as client:
                yield Running(url, services, client, server)
        finally:
            server.should_exit = True
            thread.join(MAX_SECONDS)
    folder.cleanup()
    assert not thread.is_alive()


Serve = Callable[..., contextlib.AbstractContextManager[Running]]


@pytest.fixture(scope="session")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photographs and videos, one that no browser plays and one that is damaged, indexed. Read only."""
    folder = tmp_path_factory.mktemp("serving") / "library"
    folder.mkdir()
    for name in ("chelsea.png", "rocket.jpg", "coffee.png"):
        shutil.copy(photograph(name), folder)
    shutil.copy(video("bikes.mp4"), folder)
    make_video(folder / "old.avi", seconds=4, codec="mpeg4", gop=25, sound=False)
    make_video(folder / "turned.mkv", seconds=4, codec="libx264", rotation=90, sound=True)
    (folder / "damaged.mp4").write_bytes(b"no video at all" * 100)
    Library.create(folder).index()
    return folder


@pytest.fixture(scope="session")
def server(library: Path) -> Iterator[Running]:
    """A server of that library."""
    with serving(ServeSettings(indexes=[library], port=0)) as running:
        yield running


@pytest.fixture(scope="session")
def client(server: Running) -> httpx.Client:
    """A client of that server."""
    return server.client


@pytest.fixture(scope="session")
def words(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A server of a photograph on which something is written, and a video and a recording with speech."""
    folder = tmp_path_factory.mktemp("words")
    shutil.copy(photograph("coffee.png"), folder)
    shutil.copy(video("bikes.mp4"), folder)
    make_audio(folder / "talk.mp3", seconds=3.0)
    make_audio(folder / "talk.m4a", seconds=3.0).rename(folder / "talk.mka")  # no browser plays it
    library = Library.create(folder)
    library.index(audio=True)
    with library.records.writer() as writer:
        writer.keep_speech()
        writer.keep_writing()
        (clip,) = library.records.clips_of("coffee.png")
        places = np.array([(0, 0, 0.9, *(0.1,) * 8)], np.float32)
        writer.put_writing(
            "coffee.png", {clip.clip_id: ClipWriting("Harbour <b>Coffee</b>", places, "reader")}
        )
        first, *_ = library.records.clips_of("bikes.mp4")
        times = np.array([(0, 0.5, 1.0), (5, 1.0, 1.5)], np.float32)
        writer.put_speech("bikes.mp4", {first.clip_id: ClipSpeech("good evening", times, "en", "a.srt")})
        for name in ("talk.mp3", "talk.mka"):
            (clip,) = library.records.clips_of(name)
            writer.put_speech(name, {clip.clip_id: ClipSpeech("lighthouse keeper", times, "en", "a.srt")})
    with serving(ServeSettings(indexes=[folder], port=0)) as running:
        yield running
