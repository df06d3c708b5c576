"""`jepa index --writing` and searches in what is written."""

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Jepa
from tests.signs import sign

pytest.importorskip("rapidocr", reason="the extra 'ocr' is not installed")


def test_signs_are_found_and_shown(jepa: Jepa, tmp_path: Path) -> None:
    sign(("Harbour Coffee", (40, 60))).save(tmp_path / "photo.png")
    sign().save(tmp_path / "other.png")
    done = jepa("index", tmp_path, "--writing")
    assert done.status == 0 and "writing of 2 files" in done.out
    place = ("--index", tmp_path / ".jepa")
    (line,) = jepa("search", "coffee", "--in", "written", *place).out.splitlines()
    assert line.split("\t")[3:] == ["photo.png", "written: Harbour Coffee"]
    (hit,) = json.loads(jepa("search", '"harbour coffee"', "--json", *place).out)["hits"]
    assert (hit["written"], hit["found_by"], "said" in hit) == ("Harbour Coffee", ["written"], False)
    files = tmp_path / "out.csv", tmp_path / "out.html"
    jepa("search", "coffee", "--in", "written", *place, "--export", files[0], "--html", files[1])
    assert "Harbour Coffee" in files[0].read_text() and "“Harbour Coffee”" in files[1].read_text()
    assert "no speech" in jepa("search", "a", "--in", "said", *place).err
