"""Streams as they come in life: growing, cut off, damaged, lost and found again, with clocks that jump."""

import sys
import threading
import time
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError, UsageError
from jepa_retrieval.media.streams.reader import StreamReader
from jepa_retrieval.media.streams.source import StreamSource
from jepa_retrieval.media.streams.types import Lost, Returned, StreamRequest
from jepa_retrieval.media.types import MediaWindow
from tests.jepa_retrieval.media.streams.stream_server import serve, serve_rtsp, trickle
from tests.media_factory import (
    BLUE,
    GREEN,
    RED,
    YELLOW,
    join_recordings,
    make_animation,
    make_picture,
    make_video,
)

SIZE = 32


def read(
    source: str | Path | StreamSource, **options: Any
) -> tuple[list[MediaWindow], list[object], StreamReader]:
    """All windows and all other events of a stream that ends."""
    if not isinstance(source, StreamSource):
        source = StreamSource.parse(str(source))
    with StreamReader(StreamRequest(source, SIZE, **options)) as reader:
        events = list(reader)
    windows = [event for event in events if isinstance(event, MediaWindow)]
    return windows, [event for event in events if not isinstance(event, MediaWindow)], reader


def colour(window: MediaWindow) -> tuple[int, ...]:
    """The factory's colour nearest to a window's lower right corner."""
    corner = window.frames[0][-4:, -4:].reshape(-1, 3).mean(axis=0)
    return min((RED, GREEN, BLUE, YELLOW), key=lambda known: float(np.abs(corner - known).sum()))


def times(windows: list[MediaWindow]) -> list[tuple[float, float]]:
    return [(round(w.start or 0.0, 3), round(w.end or 0.0, 3)) for w in windows]


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".ts"])
def test_a_file_gives_a_window_for_every_step(tmp_path: Path, suffix: str) -> None:
    windows, others, reader = read(make_video(tmp_path / f"a{suffix}", seconds=4, start_time=7.0))
    assert times(windows) == [(step / 2, step / 2 + 0.5) for step in range(8)]
    assert [colour(window) for window in windows[::2]] == [RED, GREEN, BLUE, YELLOW]
    assert others == []
    assert not reader.counters.live and reader.counters.dropped == 0


def test_windows_slide_over_their_neighbours(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=3)
    windows, _, _ = read(path, rate=2.0, frames_per_step=2, reach=1)
    assert times(windows) == [(step / 2, step / 2 + 0.5) for step in range(6)]
    assert [len(window.frames) for window in windows] == [4, 6, 6, 6, 6, 4]
    assert windows[2].times[0] < 1.0 < windows[2].times[2] < 1.5 < windows[2].times[-1]


def test_a_still_picture_belongs_to_the_window_before(tmp_path: Path) -> None:
    path = make_video(tmp_path / "slides.mp4", times=[0.0, 0.1, 20.0, 20.1])
    windows, _, reader = read(path)
    assert times(windows)[:2] == [(0.0, 20.0), (20.0, pytest.approx(20.14, abs=0.1))]
    assert reader.counters.clock_jumps == 0


def test_thumbnails_only_on_demand(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=1)
    assert read(path)[0][0].thumbnail is None
    assert (read(path, thumbnails=True)[0][0].thumbnail or b"").startswith(b"\xff\xd8")


@pytest.mark.parametrize("suffix", [".ts", ".vob"])
def test_a_clock_that_jumps_in_a_file(tmp_path: Path, suffix: str) -> None:
    """Recordings that were joined byte by byte: the clock goes back, then far ahead."""
    scenes = [(RED, 0.0), (GREEN, 0.0), (BLUE, 40_000.0), (YELLOW, 3.0)]
    joined = join_recordings(tmp_path / f"joined{suffix}", scenes=scenes)
    windows, _, reader = read(joined)
    assert windows[-1].end == pytest.approx(8.0, abs=0.3)
    assert [colour(window) for window in windows[1::4]] == [RED, GREEN, BLUE, YELLOW]
    assert reader.counters.clock_jumps == 3


@pytest.mark.parametrize("name", ["a.h264", "a.hevc"])
def test_a_stream_without_stamps(tmp_path: Path, name: str) -> None:
    options: dict[str, Any] = {}
    if name == "a.hevc":
        options = {"codec": "libx265", "options": {"x265-params": "log-level=none"}}
    windows, _, _ = read(make_video(tmp_path / name, seconds=8, **options))
    assert windows[-1].end == pytest.approx(8)
    assert [colour(window) for window in windows[1::4]] == [RED, GREEN, BLUE, YELLOW]


def test_the_last_picture_stays_while_there_is_sound(tmp_path: Path) -> None:
    windows, _, _ = read(make_video(tmp_path / "a.mp4", seconds=0.04, sound=True, sound_seconds=20.0))
    assert times(windows) == [(0, pytest.approx(20, abs=0.1))]


def test_a_damaged_stream_goes_on_behind_the_damage(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", seconds=8, gop=25)
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    noise = np.random.default_rng(0).integers(0, 256, len(data) // 8, dtype=np.uint8).tobytes()
    data[middle : middle + len(noise)] = noise
    path.write_bytes(data)
    windows, _, _ = read(path)
    assert colour(windows[0]) == RED and colour(windows[-1]) == YELLOW
    assert windows[-1].end == pytest.approx(8.0, abs=0.6)


def test_a_file_that_is_cut_off_ends_where_it_ends(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.ts", seconds=8, gop=25)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    windows, others, _ = read(path)
    assert 2.0 < (windows[-1].end or 0.0) < 7.0
    assert others == []


@pytest.mark.parametrize("suffix", [".gif", ".webp", ".png"])
def test_an_animated_picture_is_a_stream(tmp_path: Path, suffix: str) -> None:
    path = make_animation(tmp_path / f"a{suffix}", delays=[0.5] * 4, scenes=[RED, GREEN, BLUE, YELLOW])
    windows, others, reader = read(path)
    assert times(windows) == [(0.0, 0.5), (0.5, 1.0), (1.0, 1.5), (1.5, 2.0)]
    assert [colour(window) for window in windows] == [RED, GREEN, BLUE, YELLOW]
    assert (others, reader.counters.partial) == ([], None)
    assert times(read(path, seconds=0.8)[0]) == [(0.0, 0.5), (0.5, 0.8)]


@pytest.mark.parametrize("suffix", [".webp", ".jpg", ".png"])
def test_a_still_picture_is_called_what_it_is(tmp_path: Path, suffix: str) -> None:
    with pytest.raises(UnreadableMediaError, match="is a still picture"):
        read(make_picture(tmp_path / f"a{suffix}"))


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_what_is_missing_of_a_file_is_told(tmp_path: Path, suffix: str) -> None:
    options = {"movflags": "faststart"} if suffix == ".mp4" else {}
    whole = make_video(tmp_path / f"whole{suffix}", seconds=12, gop=25, container_options=options)
    assert read(whole)[2].counters.partial is None
    half = tmp_path / f"half{suffix}"
    half.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    partial = read(half)[2].counters.partial
    assert (
        partial is not None
        and partial.startswith("is cut off: ")
        and partial.endswith(" of 12.0 seconds are there")
    )


def test_a_file_that_is_still_being_written(tmp_path: Path) -> None:
    data = make_video(tmp_path / "whole.ts", seconds=6, gop=25).read_bytes()
    growing = tmp_path / "growing.ts"
    growing.write_bytes(data[: len(data) // 2])

    def grow() -> None:
        time.sleep(0.5)
        with growing.open("ab") as file:
            trickle(file, data[len(data) // 2 :], seconds=0.5)

    writer = threading.Thread(target=grow)
    writer.start()
    source = StreamSource.parse(str(growing), follow=True)
    windows, others, _ = read(source, timeout=1.5)
    writer.join()
    assert windows[-1].end == pytest.approx(6.0, abs=0.2)
    assert others == []


def test_a_camera_that_is_lost_and_comes_back(tmp_path: Path) -> None:
    """Three connections: the second is refused something to show, the third has a clock of its own."""
    first = make_video(tmp_path / "1.ts", seconds=2, scenes=[RED], start_time=500).read_bytes()
    second = make_video(tmp_path / "2.ts", seconds=2, scenes=[BLUE], start_time=3).read_bytes()

    def send(connection: int, file: IO[bytes]) -> None:
        if connection == 0:
            trickle(file, first, seconds=0.2)
        elif connection == 2:
            trickle(file, second, seconds=0.2)

    with serve(send) as url:
        request = StreamRequest(StreamSource.parse(url), SIZE, first_delay=0.2, timeout=2.0)
        events: list[object] = []
        with StreamReader(request) as reader:
            for event in reader:
                events.append(event)
                if isinstance(event, Lost) and any(isinstance(e, Returned) for e in events):
                    break
    kinds = [type(event).__name__ for event in events]
    assert kinds.count("Lost") == 2 and kinds.count("Returned") == 1
    before = [e for e in events[: kinds.index("Lost")] if isinstance(e, MediaWindow)]
    after = [e for e in events[kinds.index("Returned") :] if isinstance(e, MediaWindow)]
    assert {colour(window) for window in before} == {RED} and {colour(window) for window in after} == {BLUE}
    assert before[0].start == 0.0
    ends = [window.start or 0.0 for window in (*before, *after)]
    assert ends == sorted(ends) and len(set(ends)) == len(ends)
    assert reader.counters.live and reader.counters.connections >= 2


def test_a_lost_source_is_given_up_in_the_end(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.ts", seconds=1).read_bytes()

    def send(connection: int, file: IO[bytes]) -> None:
        if connection == 0:
            file.write(data)

    with serve(send) as url, pytest.raises(UnreadableMediaError, match="was given up after"):
        read(url, first_delay=0.1, max_delay=0.1, give_up=0.4, timeout=1.0)


def test_a_reader_that_is_too_slow_drops_windows_of_a_live_stream(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.ts", seconds=40, fps=5, size=(64, 48)).read_bytes()

    def send(connection: int, file: IO[bytes]) -> None:
        if connection == 0:
            file.write(data)

    with serve(send) as url:
        request = StreamRequest(StreamSource.parse(url), SIZE, rate=4.0, timeout=2.0)
        with StreamReader(request) as reader:
            kept = []
            while reader.counters.connections == 0 or reader.counters.dropped == 0:
                time.sleep(0.01)
            for event in reader:
                if isinstance(event, Lost):
                    break
                kept.append(event)
    assert reader.counters.dropped + len(kept) == 160
    assert isinstance(kept[-1], MediaWindow) and kept[-1].end == pytest.approx(40.0, abs=0.3)


def test_a_file_waits_for_a_slow_consumer(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=40, fps=5, size=(64, 48))
    request = StreamRequest(StreamSource.parse(str(path)), SIZE, rate=4.0)
    with StreamReader(request) as reader:
        time.sleep(0.3)
        assert sum(isinstance(event, MediaWindow) for event in reader) == 160
    assert reader.counters.dropped == 0


def test_leaving_early_ends_the_thread(tmp_path: Path) -> None:
    path = make_video(tmp_path / "a.mp4", seconds=60, fps=5, size=(64, 48))
    with StreamReader(StreamRequest(StreamSource.parse(str(path)), SIZE, rate=5.0)) as reader:
        next(iter(reader))
    assert not reader._thread.is_alive()


def test_rtsp(tmp_path: Path) -> None:
    data = make_video(tmp_path / "a.ts", seconds=2, gop=10).read_bytes()
    windows = []
    with serve_rtsp(data, seconds=0.5) as url:
        source = StreamSource.parse(url.replace("//", "//user:secret@"))
        with StreamReader(StreamRequest(source, SIZE, timeout=3.0)) as reader:
            for event in reader:
                if not isinstance(event, MediaWindow):
                    break
                windows.append(event)
    assert reader.counters.live
    assert len(windows) >= 3
    assert colour(windows[0]) == RED and colour(windows[-1]) == YELLOW


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a.mp4", "file"),
        ("C:/a.mp4", "file"),
        ("rtsp://camera/1", "network"),
        ("HTTP://host/a", "network"),
        ("camera:0", "camera"),
        ("camera:/dev/video2", "camera"),
    ],
)
def test_sources_are_told_apart(text: str, kind: str) -> None:
    assert StreamSource.parse(text).kind == kind


@pytest.mark.parametrize("text", ["camera:", "ftp://host/a.mp4", "gopher://x"])
def test_what_cannot_be_watched(text: str) -> None:
    with pytest.raises(UsageError):
        StreamSource.parse(text)


@pytest.mark.parametrize("password", ["secret", "pa/ss", "p#s?s", "12/ab", "a@b:c", ""])
def test_the_password_of_an_address_is_never_named(password: str) -> None:
    source = StreamSource.parse(f"rtsp://admin:{password}@10.0.0.9:554/stream?token=1")
    assert source.name == "rtsp://admin:***@10.0.0.9:554/stream?token=1"


def test_an_address_without_a_password_is_named_whole() -> None:
    for address in ("rtsp://10.0.0.9:554/stream?token=1", "http://host/@name", "udp://@239.0.0.1:1234"):
        assert StreamSource.parse(address).name == address


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        ("nowhere.mp4", "no such file or folder"),
        ("http://127.0.0.1:9/live", "refused"),
        ("camera:/dev/nothing", "no such camera" if sys.platform == "linux" else ": "),
    ],
)
def test_what_cannot_be_opened_is_an_error_at_once(source: str, reason: str) -> None:
    with pytest.raises(UnreadableMediaError, match=reason):
        read(source, timeout=2.0)


def test_an_address_in_a_playlist_opens_no_local_file(tmp_path: Path) -> None:
    secret = make_video(tmp_path / "secret.ts", seconds=1)
    playlist = f"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:1,\nfile://{secret}\n#EXT-X-ENDLIST\n".encode()

    def send(connection: int, file: IO[bytes]) -> None:
        file.write(playlist)

    with serve(send) as url, pytest.raises(UnreadableMediaError):
        read(url.replace("live.ts", "list.m3u8"), timeout=2.0, first_delay=0.1, give_up=0.3)
