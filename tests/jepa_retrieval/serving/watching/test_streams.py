"""Watched streams: what goes wrong is told, and a new model is taken up."""

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from jepa_retrieval.serving.alerts import Alerts
from jepa_retrieval.serving.saved import SavedSearchStore
from jepa_retrieval.serving.watching.streams import WatchedStreams

# Stands for the process that watches: says two times that the stream was lost, and waits.
SCRIPT = 'import sys; [print(\'{"lost": "so it is"}\', flush=True) for _ in range(2)]; sys.stdin.read()'


def watch_until(indexes: Any, folder: Path, done: Callable[[], bool]) -> WatchedStreams:
    """Watch a file until something is done."""
    streams = WatchedStreams([str(folder / "yard.mp4")], indexes, SavedSearchStore(folder), Alerts())

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


def test_an_index_with_another_model_starts_the_process_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[str] = []
    real = asyncio.create_subprocess_exec

    async def start(*_: Any, **options: Any) -> asyncio.subprocess.Process:
        started.append(commit.model.name)
        commit.served_model = object()
        return await real(sys.executable, "-c", SCRIPT, stdin=options["stdin"], stdout=options["stdout"])

    commit = SimpleNamespace(
        model=SimpleNamespace(name="nano"),
        served_model=object(),
        index=SimpleNamespace(manifest=SimpleNamespace(prompt="")),
    )
    indexes = SimpleNamespace(commits=lambda: [SimpleNamespace(**vars(commit))])
    monkeypatch.setattr(asyncio, "create_subprocess_exec", start)
    watch_until(indexes, tmp_path, lambda: len(started) > 1)
    assert len(started) == 2
