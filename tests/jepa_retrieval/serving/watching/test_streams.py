"""Watched streams: what goes wrong is told, and a new model is taken up."""

import asyncio
import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jepa_retrieval.errors import UsageError
from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.saved import SavedSearchStore
from jepa_retrieval.serving.watching.streams import WatchedStream, WatchedStreams

# Stands for the process that watches: says two times that the stream was lost, and waits.
SCRIPT = 'import sys; [print(\'{"lost": "so it is"}\', flush=True) for _ in range(2)]; sys.stdin.read()'
COMMIT = SimpleNamespace(
    model=SimpleNamespace(name="nano"),
    served_model=object(),
    index=SimpleNamespace(manifest=SimpleNamespace(prompt="")),
)


def watch_until(indexes: Any, folder: Path, done: Callable[[], bool]) -> WatchedStreams:
    """Watch a file until something is done."""
    file = folder / "yard.mp4"
    file.write_bytes(b"a video")
    streams = WatchedStreams([WatchedStream.parse(str(file))], indexes, SavedSearchStore(folder), Alerts())

    async def watch() -> None:
        streams.start()
        for _ in range(3000):
            if done():
                break
            await asyncio.sleep(0.01)
        await streams.close()

    asyncio.run(watch())
    return streams


def test_an_error_of_the_server_is_told_as_the_state_of_the_stream(tmp_path: Path) -> None:
    calls = []

    def commits() -> list[Any]:
        calls.append(1)
        raise KeyError("anything")

    (stream,) = watch_until(SimpleNamespace(commits=commits), tmp_path, lambda: len(calls) > 0).streams
    assert (stream.state, stream.detail) == ("failed", "an error of the server, which its log describes")


@pytest.mark.parametrize("text", ["nonsense", "camera:", "ftp://host/a.mp4", "."])
def test_a_stream_that_cannot_be_watched_is_an_error_that_names_the_option(text: str) -> None:
    with pytest.raises(
        UsageError, match=rf"^--watch {re.escape(text.partition('/')[0])}.*(camera:0|is a folder)"
    ):
        WatchedStream.parse(text)


def test_a_stream_that_is_lost_is_reported_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    real = asyncio.create_subprocess_exec

    async def start(*_: Any, **options: Any) -> asyncio.subprocess.Process:
        return await real(sys.executable, "-c", SCRIPT, stdin=options["stdin"], stdout=options["stdout"])

    asked: list[object] = []
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    indexes = SimpleNamespace(commits=lambda: asked.append(1) or [COMMIT])
    watch_until(indexes, tmp_path, lambda: len(asked) > 2)  # once at the start, and once for each line
    assert caplog.messages == ["--watch yard.mp4: the connection is lost: so it is"]


def test_an_index_with_another_model_starts_the_process_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    real = asyncio.create_subprocess_exec

    async def start(*_: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(commit.model.name)
        commit.served_model = object()
        return await real(sys.executable, "-c", SCRIPT, stdin=options["stdin"], stdout=options["stdout"])

    commit = SimpleNamespace(**vars(COMMIT))
    indexes = SimpleNamespace(commits=lambda: [SimpleNamespace(**vars(commit))])
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    watch_until(indexes, tmp_path, lambda: len(started) > 1)
    assert len(started) == 2
