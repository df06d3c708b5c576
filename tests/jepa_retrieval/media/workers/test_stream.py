"""Streams in a process of their own: the same windows, and what becomes of a process that dies."""

import os
import signal
from pathlib import Path
from typing import IO

import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import Lost, Returned, StreamRequest
from jepa_retrieval.media.types import MediaWindow
from jepa_retrieval.media.workers.stream import StreamProcess
from tests.jepa_retrieval.media.streams.stream_server import serve, trickle
from tests.media_factory import BLUE, RED, join_recordings, make_video

SIZE = 32


def request(source: object, **options: object) -> StreamRequest:
    return StreamRequest(StreamSource.parse(str(source)), SIZE, **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("long") / "a.mp4", seconds=600, fps=4, size=(64, 48))


def test_the_same_windows_as_in_this_process(tmp_path: Path) -> None:
    video = join_recordings(tmp_path / "a.ts", scenes=[(RED, 50.0), (BLUE, 0.0)], seconds=12.0)
    wanted = request(video, reach=1, frames_per_step=2, thumbnails=True)
    with StreamReader(wanted) as reader, StreamProcess(wanted) as process:
        ours, theirs = list(reader), list(process)
    assert len(ours) == len(theirs) == 48
    for one, other in zip(ours, theirs, strict=True):
        assert isinstance(one, MediaWindow) and isinstance(other, MediaWindow)
        assert (one.start, one.end, one.thumbnail) == (other.start, other.end, other.thumbnail)
        assert np.array_equal(one.frames, other.frames) and np.array_equal(one.times, other.times)
    assert process.counters == reader.counters and process.counters.clock_jumps == 1


@pytest.mark.parametrize(
    ("source", "reason"), [("nowhere.mp4", "no such file or folder"), ("http://127.0.0.1:9/live", "refused")]
)
def test_what_cannot_be_opened(source: str, reason: str) -> None:
    with (
        StreamProcess(request(source, timeout=2.0)) as process,
        pytest.raises(UnreadableMediaError) as raised,
    ):
        list(process)
    assert raised.value.reason.startswith(reason) or reason in raised.value.reason
    assert str(raised.value).startswith(source)


def test_a_crash_ends_a_file_with_a_reason(long_video: Path) -> None:
    with StreamProcess(request(long_video)) as process, pytest.raises(UnreadableMediaError) as raised:
        for event in process:
            assert isinstance(event, MediaWindow)
            os.kill(process.pid, signal.SIGSEGV)
    assert str(raised.value) == f"{long_video}: the decoder crashed on it (SIGSEGV)"


def test_a_hang_ends_a_file_with_a_reason(long_video: Path) -> None:
    reason = "gave no sign of life for 3 seconds"
    with (
        StreamProcess(request(long_video), timeout=3) as process,
        pytest.raises(UnreadableMediaError, match=reason),
    ):
        for _ in process:
            os.kill(process.pid, signal.SIGSTOP)


def test_a_crash_loses_a_live_stream_for_a_moment(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.ts", seconds=4, start_time=500).read_bytes()

    def send(connection: int, file: IO[bytes]) -> None:
        trickle(file, data, seconds=1.0)

    events: list[object] = []
    with serve(send) as url, StreamProcess(request(url, first_delay=0.2, timeout=3.0)) as process:
        for event in process:
            events.append(event)
            if isinstance(event, MediaWindow) and not any(isinstance(e, Lost) for e in events):
                first = process.pid
                os.kill(first, signal.SIGSEGV)
            if isinstance(event, MediaWindow) and any(isinstance(e, Returned) for e in events):
                break
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("Lost") == kinds.count("Returned") == 1
    lost = next(event for event in events if isinstance(event, Lost))
    assert lost.reason == "the decoder crashed on it (SIGSEGV)"
    windows = [event for event in events if isinstance(event, MediaWindow)]
    starts = [window.start or 0.0 for window in windows]
    assert starts == sorted(set(starts)) and process.pid != first
    assert process.counters.live and process.counters.connections >= 2


def test_no_process_is_left_over(long_video: Path) -> None:
    with StreamProcess(request(long_video)) as process:
        next(iter(process))
        pid = process.pid
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("seconds", [0.7, 1.0, 3.0])
def test_no_more_than_the_time_asked_for_is_read(long_video: Path, seconds: float) -> None:
    with StreamProcess(request(long_video, seconds=seconds)) as process:
        windows = [event for event in process if isinstance(event, MediaWindow)]
    assert windows[-1].end == seconds
    assert [window.start for window in windows] == [step / 2 for step in range(len(windows))]
    assert max(time for window in windows for time in window.times) < seconds
