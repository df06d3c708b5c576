import itertools
import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from jepa_retrieval.errors import UsageError
from jepa_retrieval.media.thumbnails import make_thumbnail
from jepa_retrieval.report.timeline import Timeline
from jepa_retrieval.tasks.watching.alerts import Alert
from jepa_retrieval.tasks.watching.watch import Described, Observed
from tests.media_factory import RED, draw

PICTURE = make_thumbnail(draw((32, 32), RED), 1.5)


def filled(seconds: int) -> Timeline:
    timeline = Timeline("a <title>", threshold=0.2)
    for number in range(2 * seconds):
        timeline.observe(Observed(number / 2, number / 2 + 0.5, 0.6 if number % 20 == 10 else 0.05))
    for start in range(0, seconds, 10):
        timeline.add(Described(start, start + 10.0, f"Sentence <{start}>.", 0.5, 20, "shift", PICTURE))
    timeline.fire(Alert("fire & smoke", 5.0, 5.5, 0.9))
    return timeline


def test_html_holds_everything_and_escapes_it(tmp_path: Path) -> None:
    filled(30).write(tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    assert page.count("data:image/jpeg;base64,") == 3
    assert page.count('class="border"') == 3
    assert "Sentence &lt;20&gt;." in page and "fire &amp; smoke" in page and "a &lt;title&gt;" in page
    assert "http://" not in page and "https://" not in page
    assert "default-src 'none'; img-src data:" in page


def test_a_short_video_has_an_axis_of_its_own(tmp_path: Path) -> None:
    timeline = Timeline("short", threshold=0.1)
    timeline.observe(Observed(0.0, 2.0, 0.05))
    timeline.write(tmp_path / "a.html")
    page = (tmp_path / "a.html").read_text()
    labels = re.findall(r'<span style="left: ([\d.]+)%">([\d:.]+)</span>', page)
    assert labels[:3] == [("0.00", "0:00.0"), ("25.00", "0:00.5"), ("50.00", "0:01.0")]
    assert all(name in page for name in ("local variance", "threshold", "beginning of an interval", "alert"))


def test_png(tmp_path: Path) -> None:
    filled(150).write(tmp_path / "a.png")
    with Image.open(tmp_path / "a.png") as image:
        assert image.width == 1500
        pixels = np.asarray(image.convert("RGB")).reshape(-1, 3)
    assert len(np.unique(pixels, axis=0)) > 20


def test_an_empty_timeline_can_be_drawn(tmp_path: Path) -> None:
    Timeline("nothing", threshold=0.2).write(tmp_path / "a.png")
    Timeline("nothing", threshold=0.2).write(tmp_path / "a.html")


def test_a_long_stream_takes_no_more_memory_and_keeps_its_peaks() -> None:
    timeline = filled(15_000)
    assert len(timeline.points) <= 4096 and len(timeline.descriptions) <= 1024
    assert sum(item.picture is not None for item in timeline.descriptions) <= 96
    assert timeline.points[0].start == 0.0 and timeline.end == 15_000
    assert all(a.end == b.start for a, b in itertools.pairwise(timeline.points))
    assert sum(point.variance == 0.6 for point in timeline.points) >= 1500


def test_another_ending_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"\.png or \.html"):
        filled(10).write(tmp_path / "a.svg")


@pytest.mark.parametrize("name", ["a.png", "a.html"])
def test_names_and_sentences_are_no_formulas_and_no_commands(tmp_path: Path, name: str) -> None:
    """A title with dollar signs would be read as mathematics, and unbalanced braces in it would be an error."""
    text = "cost $\\frac{1}{ $ \x1b[2J\u202egpj.exe"
    timeline = Timeline(text, threshold=0.2)
    timeline.observe(Observed(0.0, 1.0, 0.6))
    timeline.add(Described(0.0, 10.0, text, 0.5, 20, "shift", PICTURE))
    timeline.fire(Alert(text, 5.0, 5.5, 0.9))
    timeline.write(tmp_path / name)
    content = (tmp_path / name).read_bytes()
    assert len(content) > 1000
    assert name.endswith("png") or "\u202e".encode() not in content
