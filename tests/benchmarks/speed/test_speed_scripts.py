"""What the speed benchmarks share: decoders that take the same frames, processes measured from outside, bars."""

import sys
import time
from pathlib import Path

import pytest
from PIL import Image

from benchmarks.shared import processes
from benchmarks.speed.decoder_peers import DECODERS
from benchmarks.speed.side_by_side import Bar, Panel, draw
from tests.media_factory import make_video

# A child of the command, started by a thread, fills memory.
HUNGRY = """
import subprocess, sys, threading
child = [sys.executable, "-c", "import time; kept = bytearray(b'x') * 150_000_000; time.sleep(1.5)"]
thread = threading.Thread(target=subprocess.run, args=[child])
thread.start()
thread.join()
"""


@pytest.fixture(scope="module")
def three_seconds(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_video(tmp_path_factory.mktemp("media") / "three.mp4", seconds=3, fps=10, size=(64, 48))


@pytest.mark.parametrize("name", DECODERS)
def test_decoders_take_one_frame_a_slot(name: str, three_seconds: Path) -> None:
    try:
        frames = DECODERS[name](three_seconds)
    except (ImportError, RuntimeError) as error:
        pytest.skip(f"{name} cannot be used here: {str(error).splitlines()[0]}")
    assert frames == 6


@pytest.mark.skipif(sys.platform != "linux", reason="memory of a process family is read from /proc")
def test_memory_of_children_counts() -> None:
    began = time.perf_counter()
    run = processes.measure([sys.executable, "-c", HUNGRY], memory=True)
    assert 1.5 <= run.seconds <= time.perf_counter() - began
    assert 150 < run.peak_mb < 400


def test_a_command_that_fails_ends_the_script() -> None:
    with pytest.raises(SystemExit, match="ended with status 3"):
        processes.measure([sys.executable, "-c", "raise SystemExit(3)"])


def test_bars_are_drawn(tmp_path: Path) -> None:
    bars = [Bar("ours", 300.0), Bar("theirs", 2.0, "a note")]
    panels = [Panel(title, "ms", bars, frozenset(["ours"])) for title in ("one", "two")]
    with Image.open(draw(panels, tmp_path / "new" / "bars.png")) as picture:
        assert picture.format == "PNG"
        assert len(set(picture.convert("RGB").get_flattened_data())) > 10
