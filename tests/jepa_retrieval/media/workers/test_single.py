"""One file in a worker process."""

import subprocess
import sys
import threading
from pathlib import Path

import numpy as np
import pytest

from jepa_retrieval.errors import UnreadableMediaError
from jepa_retrieval.media import DecodeRequest, ReadReport, decode_windows, read_windows
from tests.jepa_retrieval.media.conftest import SIZE
from tests.media_factory import make_picture, make_video


def test_the_same_windows_and_report(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=8, gop=25, container_options={"movflags": "faststart"})
    video.write_bytes(video.read_bytes()[: video.stat().st_size * 6 // 10])
    for path in (video, make_picture(tmp_path / "a.jpg")):
        reports = ReadReport(), ReadReport()
        here = list(read_windows(DecodeRequest(path, image_size=SIZE), report=reports[0]))
        there = list(decode_windows(DecodeRequest(path, image_size=SIZE), report=reports[1]))
        assert all(np.array_equal(a.frames, b.frames) for a, b in zip(here, there, strict=True))
        assert reports[0] == reports[1]
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(UnreadableMediaError, match=r"text\.mp4: is not a video"):
        list(decode_windows(DecodeRequest(tmp_path / "text.mp4", image_size=SIZE)))


def test_the_first_window_alone_and_several_readers_at_once(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=8)
    assert next(decode_windows(DecodeRequest(video, image_size=SIZE))).start == 0
    found: list[int] = []
    threads = [
        threading.Thread(
            target=lambda: found.append(len(list(decode_windows(DecodeRequest(video, image_size=SIZE)))))
        )
        for _ in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [4, 4, 4]


def test_this_process_decodes_nothing(tmp_path: Path) -> None:
    video = make_video(tmp_path / "a.mp4", seconds=2)
    script = f"""
import sys
from pathlib import Path
from jepa_retrieval.tasks.encoding.files import encode_interval
from jepa_retrieval.tasks.encoding.streams import encode_stream
from tests.jepa_retrieval.tasks.colour_model import ColourModel
encode_interval(Path({str(video)!r}), ColourModel())
encode_stream(Path({str(video)!r}), ColourModel(), rate=2.0)
readers = ("jepa_retrieval.media.video.reading", "jepa_retrieval.media.streams.reader")
print([name for name in readers if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
