"""Worker processes: order, memory, crashes, hangs, and that none is left over."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from benchmarks.shared.processes import is_running
from jepa_retrieval.errors import UsageError
from jepa_retrieval.media import (
    Decoded,
    DecodePool,
    DecodeRequest,
    Event,
    Failed,
    Finished,
    MediaWindow,
    Probed,
    content_hash,
    probe,
    read_windows,
)
from jepa_retrieval.media.workers.pool import _AHEAD
from tests.jepa_retrieval.media.conftest import SIZE
from tests.media_factory import make_picture, make_timelapse, make_video
from tests.waiting import wait_until_ended

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def pool() -> Iterator[DecodePool]:
    with DecodePool(workers=2, timeout=30) as shared:
        yield shared


@pytest.fixture(scope="module")
def long_video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("long")
    options = {"x264-params": "keyint=25"}
    return make_video(folder / "long.mp4", seconds=600, fps=4, size=(64, 48), gop=4, options=options)


def long_request(path: Path) -> DecodeRequest:
    """A request for far more than the queues hold: it cannot be read to the end before its first event is seen."""
    return request(path, image_size=128, sampling=2.0)


def request(path: Path, **options: object) -> DecodeRequest:
    return DecodeRequest(path, **{"image_size": SIZE, **options})  # type: ignore[arg-type]


def windows_of(events: list[Event], path: Path) -> list[MediaWindow]:
    return [
        window
        for event in events
        if isinstance(event, Decoded) and event.request.path == path
        for window in event.windows
    ]


def test_the_same_as_in_this_process(tmp_path: Path, pool: DecodePool) -> None:
    files = [make_video(tmp_path / f"{number}.mp4", seconds=3 + number, gop=20) for number in range(3)]
    files.append(make_picture(tmp_path / "a.jpg"))
    events = list(pool.run(request(path) for path in files))
    for path in files:
        expected = list(read_windows(request(path)))
        found = windows_of(events, path)
        assert [(window.start, window.end) for window in found] == [(w.start, w.end) for w in expected]
        for window, other in zip(found, expected, strict=True):
            assert np.array_equal(window.frames, other.frames) and np.array_equal(window.times, other.times)
            assert window.thumbnail == other.thumbnail


def test_events_of_a_file_are_in_order(tmp_path: Path, pool: DecodePool) -> None:
    files = [make_video(tmp_path / f"{number}.mp4", seconds=2) for number in range(6)]
    (tmp_path / "text.mp4").write_text("no video")
    events = list(pool.run([request(path) for path in [*files, tmp_path / "text.mp4"]]))
    for path in files:
        first, *middle, last = [event for event in events if event.request.path == path]
        assert first == Probed(first.request, probe(path))
        assert middle and all(isinstance(event, Decoded) for event in middle)
        assert isinstance(last, Finished)
        assert (last.content_hash, last.duration, last.warnings) == (content_hash(path), pytest.approx(2), ())
    (failed,) = [event for event in events if event.request.path.name == "text.mp4"]
    assert isinstance(failed, Failed) and "is not a video" in failed.reason


def test_requests_are_pulled_as_they_are_needed(tmp_path: Path, pool: DecodePool) -> None:
    picture = make_picture(tmp_path / "a.jpg")
    pulled = 0

    def requests() -> Iterator[DecodeRequest]:
        nonlocal pulled
        for _ in range(500):
            pulled += 1
            yield request(picture)

    finished = 0
    for event in pool.run(requests()):
        finished += isinstance(event, Finished)
        assert pulled <= finished + 2 * (_AHEAD + 1) + 1
    assert finished == 500


def test_the_same_file_twice_in_one_run(tmp_path: Path, pool: DecodePool) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=1)
    events = list(pool.run([request(video, sampling=1.0), request(video, sampling="keyframes")]))
    assert sum(isinstance(event, Finished) for event in events) == 2


def test_a_crash_costs_one_file(tmp_path: Path, long_video: Path) -> None:
    pictures = [make_picture(tmp_path / f"{number}.jpg") for number in range(4)]
    killed: set[int] = set()
    with DecodePool(workers=1) as pool:
        events = []
        for event in pool.run([request(pictures[0]), long_request(long_video), *map(request, pictures[1:])]):
            if isinstance(event, Probed | Decoded) and event.request.path == long_video:
                killed.add(pool.pids[0])
                os.kill(pool.pids[0], signal.SIGSEGV)  # whatever worker reads it, it dies
            events.append(event)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert failed.request.path == long_video
    assert failed.reason == "the decoder crashed on it (SIGSEGV)"
    assert {event.request.path for event in events if isinstance(event, Finished)} == set(pictures)
    assert len(killed) == 2  # the second one had read nothing before


def test_a_crash_that_another_file_left_behind_costs_none(tmp_path: Path) -> None:
    """A worker that has read another file dies: the file at hand is read again, and nothing is delivered twice."""
    video = make_video(tmp_path / "a.mp4", seconds=120, fps=4, size=(64, 48), gop=4)
    expected = list(read_windows(request(video, sampling=2.0)))
    with DecodePool(workers=1) as pool:
        list(pool.run([request(make_picture(tmp_path / "a.jpg"))]))
        events = []
        for event in pool.run([request(video, sampling=2.0)]):
            if len(events) == 1:
                os.kill(pool.pids[0], signal.SIGSEGV)
            events.append(event)
    assert isinstance(events[-1], Finished)
    assert sum(isinstance(event, Probed) for event in events) == 1
    assert [window.start for window in windows_of(events, video)] == [window.start for window in expected]


def test_side_data_of_one_file_does_no_harm_to_others(tmp_path: Path) -> None:
    """EXIF in a time lapse and an ICC profile in a video once crashed the process, though not at once."""
    timelapse, profiled = make_timelapse(tmp_path / "a.mkv"), make_timelapse(tmp_path / "b.mov", icc=True)
    good = [make_video(tmp_path / f"{number}.mp4", seconds=1) for number in range(6)]
    with DecodePool(workers=1) as pool:
        pids = pool.pids
        for _ in range(3):
            events = list(pool.run(request(path) for path in (timelapse, profiled, *good)))
            assert sum(isinstance(event, Finished) for event in events) == 8
        assert pool.pids == pids


def test_a_hang_costs_one_file(tmp_path: Path, long_video: Path) -> None:
    picture = make_picture(tmp_path / "a.jpg")
    with DecodePool(workers=1, timeout=3) as pool:
        events = []
        for event in pool.run([long_request(long_video), request(picture)]):
            if isinstance(event, Probed) and event.request.path == long_video:
                os.kill(pool.pids[0], signal.SIGSTOP)
            events.append(event)
    (failed,) = [event for event in events if isinstance(event, Failed)]
    assert (failed.request.path, failed.reason) == (
        long_video,
        "the decoder gave no sign of life for 3 seconds ($JEPA_MAX_SILENCE allows more)",
    )
    assert isinstance(events[-1], Finished) and events[-1].request.path == picture


def test_a_slow_consumer_is_not_a_hang(long_video: Path) -> None:
    with DecodePool(workers=1, timeout=3) as pool:
        slept = False
        for event in pool.run([request(long_video, image_size=256, sampling=2.0, end=200)]):
            assert not isinstance(event, Failed)
            if isinstance(event, Decoded) and not slept:
                slept = True
                time.sleep(5)
        assert isinstance(event, Finished)


def test_memory_is_bounded_by_back_pressure(long_video: Path) -> None:
    with DecodePool(workers=1) as pool:
        run = pool.run([request(long_video, image_size=512, sampling=2.0)])  # 940 MB of frames in all
        next(run)
        time.sleep(1.5)
        resident = Path(f"/proc/{pool.pids[0]}/statm").read_text().split()[1]
        assert int(resident) * os.sysconf("SC_PAGE_SIZE") < 300e6
        own = Path("/proc/self/statm").read_text().split()[1]
        before = int(own) * os.sysconf("SC_PAGE_SIZE")
        time.sleep(0.5)
        after = int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert after - before < 50e6
        run.close()


def test_leaving_early_stops_the_work_and_the_pool_stays_good(tmp_path: Path, long_video: Path) -> None:
    picture = make_picture(tmp_path / "a.jpg")
    with DecodePool(workers=2) as pool:
        for event in pool.run([request(long_video)] * 5):
            if isinstance(event, Decoded):
                break
        events = list(pool.run([request(picture)]))
        assert isinstance(events[-1], Finished)
        pids = pool.pids
    wait_until_ended(pids)


def test_an_error_in_the_requests_ends_the_run(tmp_path: Path, pool: DecodePool) -> None:
    def requests() -> Iterator[DecodeRequest]:
        yield request(make_picture(tmp_path / "a.jpg"))
        raise RuntimeError("the list is broken")

    with pytest.raises(RuntimeError, match="the list is broken"):
        list(pool.run(requests()))
    assert len(list(pool.run([]))) == 0


def test_a_file_that_vanishes_or_changes(tmp_path: Path, long_video: Path) -> None:
    gone, changed = tmp_path / "gone.mp4", tmp_path / "changed.mp4"
    for path in (gone, changed):
        path.write_bytes(long_video.read_bytes())
    reasons = {}
    with DecodePool(workers=2) as pool:
        for event in pool.run([long_request(gone), long_request(changed)]):
            if isinstance(event, Probed):
                if event.request.path == gone:
                    gone.unlink()
                else:
                    os.utime(changed, ns=(1, 1))
            if isinstance(event, Failed):
                reasons[event.request.path] = event.reason
    assert reasons == {gone: "no such file or folder", changed: "was changed while it was read"}


def test_wrong_use() -> None:
    with pytest.raises(UsageError, match="workers"):
        DecodePool(workers=0)
    with pytest.raises(UsageError, match="timeout"):
        DecodePool(timeout=0)
    closed = DecodePool(workers=1)
    closed.close()
    with pytest.raises(UsageError, match="closed"):
        next(closed.run([]))


def test_no_orphans_when_the_owner_is_killed(tmp_path: Path, long_video: Path) -> None:
    script = tmp_path / "owner.py"
    script.write_text(
        textwrap.dedent(f"""
        from pathlib import Path
        from jepa_retrieval.media import DecodePool, DecodeRequest
        pool = DecodePool(workers=2)
        run = pool.run([DecodeRequest(Path({str(long_video)!r}), image_size=64, sampling=2.0)] * 4)
        next(run)
        print(*pool.pids, flush=True)
        input()
        """)
    )
    owner = subprocess.Popen(
        [sys.executable, str(script)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[4],
    )
    assert owner.stdout is not None
    pids = [int(pid) for pid in owner.stdout.readline().split()]
    assert len(pids) == 2 and all(map(is_running, pids))
    owner.send_signal(signal.SIGKILL)
    owner.communicate()
    wait_until_ended(pids)
