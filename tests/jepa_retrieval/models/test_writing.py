"""Text recognition with the real model: Latin and Chinese letters, places, and what is refused."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from jepa_retrieval.errors import ModelError
from jepa_retrieval.models.writing import RapidReader, open_text_reader
from tests.conftest import REPOSITORY
from tests.signs import SIZE, sign

pytest.importorskip("rapidocr", reason="the extra 'ocr' is not installed")


@pytest.fixture(scope="module")
def reader() -> RapidReader:
    opened = open_text_reader()
    assert isinstance(opened, RapidReader)
    return opened


def test_lines_come_with_place_and_confidence(reader: RapidReader) -> None:
    lines = reader.read(np.asarray(sign(("Harbour Coffee", (40, 30)), ("open 9-17", (40, 120)))))
    assert [line.text for line in lines] == ["Harbour Coffee", "open 9-17"]
    assert all(line.confidence > 0.8 and line.corners.shape == (4, 2) for line in lines)
    left, top = lines[0].corners[0]
    assert left * SIZE[0] == pytest.approx(40, abs=8) and top * SIZE[1] == pytest.approx(34, abs=10)


def test_where_nothing_is_written_nothing_is_read(reader: RapidReader) -> None:
    assert reader.read(np.asarray(sign())) == []
    noise = np.random.default_rng(0).integers(0, 256, (96, 128, 3), np.uint8)
    assert reader.read(noise) == []


def test_colours_are_taken_as_rgb(reader: RapidReader, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    class Engine:
        def __call__(self, picture):  # type: ignore[no-untyped-def]
            seen.append(picture[0, 0].tolist())
            return []

    other = RapidReader(reader.name, next(iter(reader._files.values())).parent)
    other.__dict__["_engine"] = Engine()
    other.read(np.full((2, 2, 3), (255, 128, 0), np.uint8))
    assert seen == [[0, 128, 255]]


def test_chinese_is_read(reader: RapidReader) -> None:
    spec = importlib.util.find_spec("matplotlib_fontja")
    if spec is None or spec.origin is None:
        pytest.skip(
            "the package matplotlib-fontja, which has a font with Chinese characters, is not installed"
        )
    (font,) = Path(spec.origin).parent.rglob("ipaexg.ttf")
    picture = Image.new("RGB", SIZE, "white")
    ImageDraw.Draw(picture).text((30, 60), "北京大学", fill="black", font=ImageFont.truetype(str(font), 40))
    assert [line.text for line in reader.read(np.asarray(picture))] == ["北京大学"]


def test_other_weights_are_refused(reader: RapidReader, tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="there is no"):
        RapidReader("reader", tmp_path)
    for file in reader._files.values():
        (tmp_path / file.name).write_bytes(b"weights")
    with pytest.raises(ModelError, match="not the expected weights"):
        RapidReader("reader", tmp_path)


def test_without_the_extra_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ModelError, match=r"pip install 'jepa-retrieval\[ocr\]'"):
        open_text_reader()


def test_a_process_that_read_and_closed_its_readers_survives_signals() -> None:
    script = """
import gc, signal, subprocess, threading
import numpy as np
from jepa_retrieval.models.runtime.private_openvino import core
from jepa_retrieval.models.writing import open_text_reader
from tests.conftest import REPOSITORY
from tests.signs import sign

signal.signal(signal.SIGCHLD, lambda *_: None)  # as PyTorch's DataLoader does, or a server for SIGTERM
picture = np.asarray(sign(("Harbour Coffee", (40, 30))))
readers = [open_text_reader() for _ in range(3)]
core().available_devices
readers[0].read(picture)
threads = [threading.Thread(target=reader.read, args=(picture,)) for reader in readers[1:]]
for thread in threads: thread.start()
for thread in threads: thread.join()
while readers:
    readers.pop(0)
    gc.collect()
    subprocess.run(["true"], check=True)
print("alive")
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, cwd=REPOSITORY)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr
